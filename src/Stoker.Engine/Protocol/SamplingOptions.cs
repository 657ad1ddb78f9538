namespace Stoker.Engine.Protocol;

/// <summary>How the next token is chosen. Null means: the model's default, else the value named here.</summary>
public sealed record SamplingOptions
{
    /// <summary>0 is greedy. Default 0.8. Range 0 to 5.</summary>
    public float? Temperature { get; init; }

    /// <summary>0 switches it off. Default 40.</summary>
    public int? TopK { get; init; }

    /// <summary>1 switches it off. Default 0.95. Above 0, at most 1.</summary>
    public float? TopP { get; init; }

    /// <summary>0 switches it off. Default 0.05. 0 to 1.</summary>
    public float? MinP { get; init; }

    /// <summary>1 switches it off. Default 1. Above 0, at most 10.</summary>
    public float? RepeatPenalty { get; init; }

    /// <summary>How many last tokens the penalties look at; 0 none, -1 the whole context. Default 64.</summary>
    public int? RepeatLastN { get; init; }

    /// <summary>-2 to 2. Default 0.</summary>
    public float? PresencePenalty { get; init; }

    /// <summary>-2 to 2. Default 0.</summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>Null: a new random one for each request, told in the answer's timings.</summary>
    public uint? Seed { get; init; }

    /// <summary>These, and the others' where these say nothing.</summary>
    public SamplingOptions Or(SamplingOptions? others) => others is null ? this : new()
    {
        Temperature = Temperature ?? others.Temperature,
        TopK = TopK ?? others.TopK,
        TopP = TopP ?? others.TopP,
        MinP = MinP ?? others.MinP,
        RepeatPenalty = RepeatPenalty ?? others.RepeatPenalty,
        RepeatLastN = RepeatLastN ?? others.RepeatLastN,
        PresencePenalty = PresencePenalty ?? others.PresencePenalty,
        FrequencyPenalty = FrequencyPenalty ?? others.FrequencyPenalty,
        Seed = Seed ?? others.Seed,
    };
}
