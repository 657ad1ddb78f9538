namespace Stoker.Core.Models;

/// <summary>Stop strings and sampling that a model's publisher set. A request's own values win.</summary>
public sealed record ModelDefaults
{
    public IReadOnlyList<string> Stop { get; init; } = [];
    public float? Temperature { get; init; }
    public int? TopK { get; init; }
    public float? TopP { get; init; }
    public float? MinP { get; init; }
    public float? RepeatPenalty { get; init; }
    public int? RepeatLastN { get; init; }
    public float? PresencePenalty { get; init; }
    public float? FrequencyPenalty { get; init; }
    public uint? Seed { get; init; }
    public int? ContextTokens { get; init; }
}
