using System.Text.Json.Serialization;

namespace Stoker.Server.OpenAi.Contracts;

/// <summary>A completion, whole or (streamed) one piece of it.</summary>
public sealed record Completion
{
    public required string Id { get; init; }
    public string Object { get; init; } = "text_completion";
    public required long Created { get; init; }
    public required string Model { get; init; }
    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Usage? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Timings? Timings { get; init; }
}

public sealed record CompletionChoice
{
    public int Index { get; init; }
    public required string Text { get; init; }
    public CompletionLogProbs? Logprobs { get; init; }
    public string? FinishReason { get; init; }
}

/// <summary>Log-probabilities in the older shape: four lists of one length.</summary>
public sealed record CompletionLogProbs
{
    public required IReadOnlyList<string> Tokens { get; init; }
    public required IReadOnlyList<double> TokenLogprobs { get; init; }
    public required IReadOnlyList<IReadOnlyDictionary<string, double>> TopLogprobs { get; init; }

    /// <summary>Where each token begins in the answer, in UTF-16 units.</summary>
    public required IReadOnlyList<int> TextOffset { get; init; }

    /// <summary>Ours: the tokens' ids.</summary>
    public required IReadOnlyList<int> TokenIds { get; init; }

    /// <summary>Ours: 16 hex digits a token; only when asked for through <c>stoker</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? LogitHashes { get; init; }
}
