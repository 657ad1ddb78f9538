using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Stoker.Bench;

/// <summary>What a client saw of one streamed completion.</summary>
/// <param name="TokensPerSecond">From the first text to the last.</param>
/// <param name="FirstTextMs">From sending the request to the first text.</param>
/// <param name="PrefillMs">What the runner says the prompt took.</param>
/// <param name="Tokens">Tokens generated.</param>
/// <param name="Cached">Tokens of the prompt that were not computed.</param>
internal sealed record ApiCall(double TokensPerSecond, double FirstTextMs, double PrefillMs, int Tokens, int Cached)
{
    /// <summary>Streams a greedy completion as any client would.</summary>
    public static Task<ApiCall> RunAsync(HttpClient client, int port, string model, string prompt, int tokens, CancellationToken cancellationToken) =>
        SendAsync(client, new Uri($"http://127.0.0.1:{port}/v1/completions"), model, tokens, json => json.WriteString("prompt", prompt), cancellationToken);

    /// <summary>The same as the next message of a kept conversation.</summary>
    public static Task<ApiCall> InSessionAsync(HttpClient client, string model, string session, string message, int tokens, CancellationToken cancellationToken) =>
        SendAsync(
            client,
            new Uri("http://localhost/v1/chat/completions"),
            model,
            tokens,
            json =>
            {
                json.WriteString("session", session);
                json.WriteBoolean("append", true);
                json.WriteStartArray("messages");
                json.WriteStartObject();
                json.WriteString("role", "user");
                json.WriteString("content", message);
                json.WriteEndObject();
                json.WriteEndArray();
            },
            cancellationToken);

    private static async Task<ApiCall> SendAsync(HttpClient client, Uri address, string model, int tokens, Action<Utf8JsonWriter> what, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            what(json);
            json.WriteNumber("max_tokens", tokens);
            json.WriteNumber("temperature", 0);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stoker");
            json.WriteBoolean("ignore_eos", true);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(body.ToArray()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var begun = Stopwatch.GetTimestamp();
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"{(int)response.StatusCode}: {await reader.ReadToEndAsync(cancellationToken)}");
        return await ReadAsync(reader, begun, cancellationToken);
    }

    private static async Task<ApiCall> ReadAsync(StreamReader reader, long begun, CancellationToken cancellationToken)
    {
        long first = 0;
        long last = 0;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.StartsWith("data: {", StringComparison.Ordinal)) continue;
            var now = Stopwatch.GetTimestamp();
            using var chunk = JsonDocument.Parse(line.AsMemory("data: ".Length));
            if (chunk.RootElement.TryGetProperty("error", out var error)) throw new InvalidOperationException(error.GetRawText());
            var choice = chunk.RootElement.GetProperty("choices")[0];
            if (TextOf(choice) is { Length: > 0 })
            {
                if (first == 0) first = now;
                last = now;
            }
            if (!chunk.RootElement.TryGetProperty("timings", out var timings) || timings.ValueKind != JsonValueKind.Object) continue;
            var tokens = timings.GetProperty("predicted_n").GetInt32();
            if (first == 0) throw new InvalidOperationException("The answer had no text.");
            return new ApiCall(
                (tokens - 1) / Stopwatch.GetElapsedTime(first, last).TotalSeconds,
                Stopwatch.GetElapsedTime(begun, first).TotalMilliseconds,
                timings.GetProperty("prompt_ms").GetDouble(),
                tokens,
                timings.GetProperty("cache_n").GetInt32());
        }
        throw new InvalidOperationException("The answer's stream ended early.");
    }

    private static string? TextOf(JsonElement choice) =>
        choice.TryGetProperty("text", out var text) ? text.GetString()
        : choice.GetProperty("delta").TryGetProperty("content", out var content) ? content.GetString()
        : null;
}
