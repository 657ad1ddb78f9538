using System.Net.Http.Json;
using System.Text.Json;

namespace Stoker.Scenarios.Harness;

/// <summary>A streamed chat completion as a client sees it, event by event. Not thread-safe.</summary>
internal sealed class ChatStream : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;

    private ChatStream(HttpResponseMessage response, StreamReader reader)
    {
        _response = response;
        _reader = reader;
    }

    /// <summary>Pieces of text so far.</summary>
    internal int Pieces { get; private set; }

    /// <summary>The error that ended it, as the API writes it; null: none so far.</summary>
    internal JsonElement? Error { get; private set; }

    /// <summary>It said that it was whole.</summary>
    internal bool IsDone { get; private set; }

    internal static async Task<ChatStream> BeginAsync(HttpClient http, IReadOnlyDictionary<string, object> body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = JsonContent.Create(new Dictionary<string, object>(body) { ["stream"] = true }) };
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode) Assert.Fail($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        return new ChatStream(response, new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken)));
    }

    /// <summary>Reads up to so many pieces of text in all, or to its end.</summary>
    internal async Task ReadAsync(int pieces, CancellationToken cancellationToken)
    {
        while (Pieces < pieces && await _reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            IsDone |= line == "data: [DONE]";
            if (IsDone) continue;
            using var told = JsonDocument.Parse(line.AsMemory(6));
            if (told.RootElement.TryGetProperty("error", out var error)) Error = error.Clone();
            else if (told.RootElement.TryGetProperty("choices", out var choices) && choices.GetArrayLength() > 0 && choices[0].GetProperty("delta").TryGetProperty("content", out _)) Pieces++;
        }
    }

    internal Task ReadToEndAsync(CancellationToken cancellationToken) => ReadAsync(int.MaxValue, cancellationToken);

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }
}
