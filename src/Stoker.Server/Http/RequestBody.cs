using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Stoker.Core.Errors;

namespace Stoker.Server.Http;

/// <summary>Reads a JSON body: bounded by Kestrel's limit, strict, and with words for what is wrong and where.</summary>
public static class RequestBody
{
    public const string JsonType = "application/json";

    /// <summary>A file.</summary>
    public const string BytesType = "application/octet-stream";

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>True: the body says that it is JSON. A page of a stranger's can send text/plain without asking, but not this.</summary>
    public static bool IsJson(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && (type.MediaType.Equals(JsonType, StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase));

    /// <summary>True: the body says that it is what a route takes; of JSON any kind.</summary>
    public static bool Is(HttpRequest request, string type) =>
        type == JsonType ? IsJson(request) : MediaTypeHeaderValue.TryParse(request.ContentType, out var found) && found.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase);

    /// <summary>The body as a document whose root is an object. The caller disposes it.</summary>
    /// <exception cref="RequestException">InvalidInput: empty, malformed (says where), or not an object.</exception>
    public static async Task<JsonDocument> ReadObjectAsync(HttpCall call)
    {
        var reader = call.Http.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(call.Aborted);
            if (!result.IsCompleted)
            {
                reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                continue;
            }
            try
            {
                return Parse(result.Buffer);
            }
            finally
            {
                reader.AdvanceTo(result.Buffer.End);
            }
        }
    }

    /// <summary>The body as a value of ours.</summary>
    /// <exception cref="RequestException">InvalidInput, with the path of what is wrong.</exception>
    public static async Task<T> ReadAsync<T>(HttpCall call, JsonTypeInfo<T> type)
        where T : class
    {
        using var document = await ReadObjectAsync(call);
        try
        {
            return document.RootElement.Deserialize(type)!;
        }
        catch (JsonException exception)
        {
            throw new RequestException(ErrorKind.InvalidInput, $"The body is not what this route takes: {Printable.Short(exception.Message, 300)}", exception.Path);
        }
    }

    private static JsonDocument Parse(ReadOnlySequence<byte> body)
    {
        if (body.IsEmpty) throw new RequestException(ErrorKind.InvalidInput, "The body is empty; a JSON object is expected.");
        JsonDocument document;
        try
        {
            // A copy: Kestrel's buffers go back to their pool before the document is read.
            document = JsonDocument.Parse(body.ToArray(), Strict);
        }
        catch (JsonException exception)
        {
            var place = exception.LineNumber is { } line ? $" at line {line + 1}, byte {exception.BytePositionInLine + 1}" : "";
            throw new RequestException(ErrorKind.InvalidInput, $"The body is not valid JSON{place}: {Reason(exception)}", code: "invalid_json");
        }
        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        var kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new RequestException(ErrorKind.InvalidInput, $"The body must be a JSON object, not {kind}.", code: "invalid_json");
    }

    /// <summary>The parser's own sentence, without the place that it repeats.</summary>
    private static string Reason(JsonException exception)
    {
        var message = exception.Message;
        var place = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        if (place > 0) message = message[..place];
        var path = message.IndexOf(" Path:", StringComparison.Ordinal);
        return Printable.Short(path > 0 ? message[..path] : message, 200);
    }
}
