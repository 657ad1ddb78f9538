namespace Stoker.Engine.Protocol;

/// <summary>One sampled token.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Bytes">Its bytes (may be part of a character).</param>
public sealed record TokenSample(int Id, byte[] Bytes)
{
    /// <summary>Natural log of its probability under the model (before sampling changes), when asked for.</summary>
    public float? LogProb { get; init; }

    /// <summary>The likeliest alternatives, best first, when asked for.</summary>
    public IReadOnlyList<TokenAlternative>? Top { get; init; }

    /// <summary>64-bit hash of the full-vocabulary logits, when asked for.</summary>
    public ulong? LogitHash { get; init; }
}

/// <summary>A token that could have been chosen.</summary>
public sealed record TokenAlternative(int Id, byte[] Bytes, float LogProb);
