using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Stoker.Server.Http.Contracts;

namespace Stoker.Server.Http;

/// <summary>
/// Server-sent events (the framing of the WHATWG's HTML standard, section "Server-sent events"). The answer begins with the first
/// thing written, so that an error before it still has a status of its own. Each event is flushed; a client that does not read
/// holds the writer up and nobody else. One writer, one caller at a time.
/// </summary>
public sealed class SseWriter(HttpContext http)
{
    public bool HasBegun { get; private set; }

    /// <summary>One event; <paramref name="name"/> null: without a name, as OpenAI's streams have it.</summary>
    public async ValueTask WriteAsync<T>(T value, JsonTypeInfo<T> type, string? name = null)
    {
        var writer = Begin();
        if (name is not null) Write(writer, $"event: {name}\n");
        Write(writer, "data: ");
        // Source-generated JSON without indentation has no line breaks: one data line is enough.
        using (var json = new Utf8JsonWriter(writer, JsonResponse.Readable)) JsonSerializer.Serialize(json, value, type);
        Write(writer, "\n\n");
        await FlushAsync(writer);
    }

    public async ValueTask WriteDoneAsync()
    {
        var writer = Begin();
        Write(writer, "data: [DONE]\n\n");
        await FlushAsync(writer);
    }

    /// <summary>The stream's last event after a failure. No <c>[DONE]</c> follows: the client must not take the answer for whole.</summary>
    public ValueTask WriteErrorAsync(Exception exception, string? name = null) =>
        WriteAsync(ErrorMapping.Envelope(exception), HttpJson.Default.ErrorEnvelope, name);

    /// <summary>A line that clients skip; keeps whatever lies between us and them from giving up.</summary>
    public async ValueTask WriteCommentAsync(string text)
    {
        var writer = Begin();
        Write(writer, $": {text}\n\n");
        await FlushAsync(writer);
    }

    private PipeWriter Begin()
    {
        var response = http.Response;
        if (HasBegun) return response.BodyWriter;
        HasBegun = true;
        response.StatusCode = 200;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        // nginx buffers unless it is told not to.
        response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return response.BodyWriter;
    }

    private static void Write(PipeWriter writer, string text)
    {
        var bytes = writer.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        writer.Advance(Encoding.UTF8.GetBytes(text, bytes));
    }

    private async ValueTask FlushAsync(PipeWriter writer)
    {
        var result = await writer.FlushAsync(http.RequestAborted);
        if (result.IsCompleted || result.IsCanceled) throw new OperationCanceledException("The client has gone.", http.RequestAborted);
    }
}
