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
internal sealed record ApiCall(double TokensPerSecond, double FirstTextMs, double PrefillMs, int Tokens)
{
    /// <summary>Streams a greedy completion as any client would.</summary>
    public static async Task<ApiCall> RunAsync(HttpClient client, int port, string model, string prompt, int tokens, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteString("prompt", prompt);
            json.WriteNumber("max_tokens", tokens);
            json.WriteNumber("temperature", 0);
            json.WriteBoolean("stream", true);
            json.WriteBoolean("ignore_eos", true);
            json.WriteEndObject();
        }
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}/v1/completions") { Content = new ByteArrayContent(body.ToArray()) };
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
            if (choice.GetProperty("text").GetString() is { Length: > 0 })
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
                tokens);
        }
        throw new InvalidOperationException("The answer's stream ended early.");
    }
}
