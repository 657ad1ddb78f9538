using System.Text.Json.Serialization;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Sessions;

/// <summary>
/// What the last answer of a session needs to go on, beside tokens, text and the sampler's random state. From a file anything may
/// stand here: whoever uses it checks it.
/// </summary>
public sealed record KeptAnswer
{
    /// <summary>Why it ended; null: it was broken off, or goes on just now.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<FinishReason>))]
    public FinishReason? End { get; init; }

    /// <summary>There is more to say.</summary>
    [JsonIgnore]
    public bool IsUnfinished => End != FinishReason.Stop;

    /// <summary>Messages before it. Its own text, if it has any, is the one after those.</summary>
    public int Messages { get; init; }

    /// <summary>Characters of its text that were not told by tokens of its own: it went on from text.</summary>
    public int TextBefore { get; init; }

    /// <summary>Which of the snapshot's tokens is the first that it sampled.</summary>
    public int FirstToken { get; init; }

    /// <summary>The token that was sampled last and has no cell yet; null: only the text is known.</summary>
    public int? Next { get; init; }

    /// <summary>All that was chosen, without the seed: the random state has that.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    public IReadOnlyList<string> Stop { get; init; } = [];
    public string? Grammar { get; init; }

    /// <summary>How many tokens it may still sample; null: to the context's end.</summary>
    public int? TokensLeft { get; init; }

    public string? ChatTemplate { get; init; }
}
