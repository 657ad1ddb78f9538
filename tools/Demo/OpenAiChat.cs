using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Demo;

/// <summary>A streamed chat completion over plain HTTP, as any client of that API asks for one.</summary>
internal static class OpenAiChat
{
    private const string Data = "data: ";

    public static async Task AskAsync(Uri api, string model, string question, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = api };
        using var request = new HttpRequestMessage(HttpMethod.Post, "chat/completions")
        {
            Content = JsonContent.Create(new JsonObject
            {
                ["model"] = model,
                ["stream"] = true,
                ["temperature"] = 0,
                ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
            }),
        };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await lines.ReadLineAsync(cancellationToken) is { } line && line != Data + "[DONE]")
        {
            if (!line.StartsWith(Data, StringComparison.Ordinal)) continue;
            using var chunk = JsonDocument.Parse(line.AsMemory(Data.Length));
            foreach (var choice in chunk.RootElement.GetProperty("choices").EnumerateArray())
                if (choice.GetProperty("delta").TryGetProperty("content", out var content)) Console.Write(content.GetString());
        }
        Console.WriteLine();
        Console.WriteLine();
    }
}
