using System.Text.Json;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Server.Http;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary>The fields that chats and completions have in common. Pure.</summary>
internal static class SharedFields
{
    private const int MaxModelChars = 4096;
    private const int MaxStops = 16;
    private const int MaxStopChars = 256;
    private const int MaxGrammarChars = 256 * 1024;
    private const double TenYearsS = 10 * 365 * 86400.0;

    public static string Model(JsonFields fields) => fields.RequiredText("model", MaxModelChars);

    public static SamplingOptions Sampling(JsonFields fields) => new()
    {
        Temperature = fields.Number("temperature", 0, 5),
        TopK = (int?)fields.Integer("top_k", 0, 1_000_000),
        TopP = fields.Number("top_p", 0, 1, aboveMin: true),
        MinP = fields.Number("min_p", 0, 1),
        RepeatPenalty = fields.Number("repeat_penalty", 0, 10, aboveMin: true),
        RepeatLastN = (int?)fields.Integer("repeat_last_n", -1, 1_000_000),
        PresencePenalty = fields.Number("presence_penalty", -2, 2),
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2),
        Seed = (uint?)fields.Integer("seed", 0, uint.MaxValue),
    };

    public static IReadOnlyList<string> Stop(JsonFields fields)
    {
        if (fields.Find("stop") is not { } value) return [];
        if (value.ValueKind == JsonValueKind.String) return [StopText(value, "stop")];
        if (value.ValueKind != JsonValueKind.Array) throw fields.Wrong("stop", "must be a string or an array of strings");
        if (value.GetArrayLength() > MaxStops) throw fields.Wrong("stop", $"has {value.GetArrayLength()} strings; at most {MaxStops} are taken");
        return [.. value.EnumerateArray().Select(static (item, i) => StopText(item, $"stop[{i}]"))];
    }

    public static int? MaxTokens(JsonFields fields, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (fields.Integer(name, 1, int.MaxValue) is { } tokens) return (int)tokens;
        }
        return null;
    }

    public static (bool Stream, bool IncludeUsage) Streaming(JsonFields fields)
    {
        var stream = fields.Flag("stream");
        if (fields.Object("stream_options") is not { } options) return (stream, false);
        return stream ? (true, options.Flag("include_usage")) : throw fields.Wrong("stream_options", "needs 'stream': true");
    }

    /// <summary>The grammar that <c>grammar</c> or <c>response_format</c> asks for, or null.</summary>
    public static string? Grammar(JsonFields fields)
    {
        var grammar = fields.Text("grammar", MaxGrammarChars);
        if (grammar is { Length: 0 }) grammar = null;
        if (fields.Object("response_format") is not { } format) return grammar;
        switch (format.RequiredText("type", 64))
        {
            case "text":
                return grammar;
            case "json_object":
                return grammar is null ? JsonGrammar.Text : throw fields.Wrong("response_format", "and 'grammar' both say what the answer looks like: send one of them");
            case "json_schema":
                throw format.Unsupported("type", "schemas are not; use {\"type\": \"json_object\"}, or write a GBNF grammar into 'grammar'.");
            default:
                throw format.Wrong("type", "must be text or json_object");
        }
    }

    public static StokerExtension Extension(JsonFields fields)
    {
        if (fields.Object("stoker") is not { } stoker) return new StokerExtension();
        return new StokerExtension
        {
            Progress = stoker.Flag("progress"),
            ContextTokens = (int?)stoker.Integer("context_tokens", 16, KvLayout.MaxCells),
            Threads = (int?)stoker.Integer("threads", 1, 1024),
            Parallel = (int?)stoker.Integer("parallel", 1, 64),
            Kv = stoker.Text("kv", 16),
            KvType = stoker.Text("kv_type", 16),
            KvWindow = (int?)stoker.Integer("kv_window", 256, 16 << 20),
            Repack = stoker.Text("repack", 16),
            GpuLayers = (int?)stoker.Integer("gpu_layers", 0, 100_000),
            Durability = stoker.Text("durability", 16),
            KeepAliveS = stoker.Number("keep_alive_s", -TenYearsS, TenYearsS),
            LogitHashes = stoker.Flag("logit_hashes"),
            LoadOnly = stoker.Flag("load_only"),
            IgnoreEos = stoker.Flag("ignore_eos"),
        };
    }

    /// <summary>What this version does not do is refused, not ignored: an answer without it would be another answer.</summary>
    public static void RefuseUnsupported(JsonFields fields)
    {
        if (fields.Find("n") is { } n && !(n.ValueKind == JsonValueKind.Number && n.TryGetInt64(out var count) && count == 1))
            throw fields.Unsupported("n", "one answer a request; send the request again for another.");
        if (fields.Find("logit_bias") is { } bias && !(bias.ValueKind == JsonValueKind.Object && !bias.EnumerateObject().Any()))
            throw fields.Unsupported("logit_bias", "a 'grammar' can forbid or demand words.");
    }

    private static string StopText(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.String) throw JsonFields.Wrong(field, "must be a string", code: null);
        var text = JsonFields.TextOf(value, field);
        if (text.Length is 0 or > MaxStopChars) throw JsonFields.Wrong(field, $"has {text.Length} characters; 1 to {MaxStopChars} are taken", code: null);
        return text;
    }
}
