using System.Text.Json.Serialization;

namespace Stoker.Bench.Kv;

/// <summary>What a child answers to a command, as one line of JSON.</summary>
internal sealed record KvReply
{
    /// <summary>What the command took, of what it measures.</summary>
    public double Seconds { get; init; }

    /// <summary>Tokens that were computed.</summary>
    public int Tokens { get; init; }

    /// <summary>Of all logits that were computed, in order: equal when every bit was.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Several times of one command, in milliseconds.</summary>
    public IReadOnlyList<double> Milliseconds { get; init; } = [];

    /// <summary>ssd or stock.</summary>
    public string Mode { get; init; } = "";

    public string? Error { get; init; }

    [JsonIgnore]
    public double Rate => Tokens / Seconds;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(KvReply))]
internal sealed partial class KvJson : JsonSerializerContext;
