using System.Text.Json;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>The params layer of an Ollama model: a JSON object of options. Unknown names and impossible values are passed over.</summary>
internal static class OllamaParams
{
    /// <summary>A params layer is never larger.</summary>
    internal const int MaxBytes = 64 * 1024;

    private const int MaxStops = 16;
    private const int MaxStopLength = 256;

    internal static ModelDefaults Parse(ReadOnlyMemory<byte> json, string model)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8 });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw Broken(model, null);
            var root = document.RootElement;
            return new ModelDefaults
            {
                Stop = Stops(root),
                Temperature = Number(root, "temperature", 0, 5),
                TopK = Whole(root, "top_k", 0, int.MaxValue),
                TopP = Number(root, "top_p", 1e-6, 1),
                MinP = Number(root, "min_p", 0, 1),
                RepeatPenalty = Number(root, "repeat_penalty", 1e-6, 10),
                RepeatLastN = Whole(root, "repeat_last_n", -1, int.MaxValue),
                PresencePenalty = Number(root, "presence_penalty", -2, 2),
                FrequencyPenalty = Number(root, "frequency_penalty", -2, 2),
                Seed = Whole(root, "seed", 0, int.MaxValue) is { } seed ? (uint)seed : null,
                ContextTokens = Whole(root, "num_ctx", 1, int.MaxValue),
            };
        }
        catch (JsonException broken)
        {
            throw Broken(model, broken);
        }
    }

    private static List<string> Stops(JsonElement root)
    {
        if (!root.TryGetProperty("stop", out var stop)) return [];
        IEnumerable<JsonElement> all = stop.ValueKind == JsonValueKind.Array ? stop.EnumerateArray() : [stop];
        return [.. all.Where(static one => one.ValueKind == JsonValueKind.String)
            .Select(static one => one.GetString()!)
            .Where(static text => text.Length is > 0 and <= MaxStopLength)
            .Distinct().Take(MaxStops)];
    }

    private static float? Number(JsonElement root, string name, double from, double to) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= from && number <= to
            ? (float)number
            : null;

    private static int? Whole(JsonElement root, string name, int from, int to) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= from && number <= to
            ? number
            : null;

    private static SourceException Broken(string model, Exception? inner) =>
        new(ErrorKind.Corrupt, $"The params layer of {model} is not a JSON object.", canRetry: false, inner);
}
