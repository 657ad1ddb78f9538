using System.Text.Json.Serialization;

namespace Stoker.Server.OpenAi.Contracts;

/// <summary>A whole answer.</summary>
public sealed record ChatCompletion
{
    public required string Id { get; init; }
    public string Object { get; init; } = "chat.completion";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }
    public required string Model { get; init; }
    public required IReadOnlyList<ChatChoice> Choices { get; init; }
    public required Usage Usage { get; init; }
    public Timings? Timings { get; init; }
}

public sealed record ChatChoice
{
    public int Index { get; init; }
    public required AnswerMessage Message { get; init; }
    public ChatLogProbs? Logprobs { get; init; }
    public required string FinishReason { get; init; }
}

public sealed record AnswerMessage(string Role, string Content)
{
    public string? Refusal { get; init; }
}

/// <summary>One piece of a streamed answer.</summary>
public sealed record ChatChunk
{
    public required string Id { get; init; }
    public string Object { get; init; } = "chat.completion.chunk";
    public required long Created { get; init; }
    public required string Model { get; init; }

    /// <summary>One, or none in the chunk that carries usage.</summary>
    public required IReadOnlyList<ChatChunkChoice> Choices { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Usage? Usage { get; init; }

    /// <summary>In the chunk with the finish reason.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Timings? Timings { get; init; }
}

public sealed record ChatChunkChoice
{
    public int Index { get; init; }
    public required ChatDelta Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatLogProbs? Logprobs { get; init; }

    public string? FinishReason { get; init; }
}

public sealed record ChatDelta
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }
}

public sealed record ChatLogProbs(IReadOnlyList<TokenLogProb> Content)
{
    public IReadOnlyList<TokenLogProb>? Refusal { get; init; }
}

/// <param name="Token">The token's text; a piece of a character shows as U+FFFD.</param>
/// <param name="Bytes">Its bytes as numbers.</param>
public sealed record TokenLogProb(string Token, double Logprob, IReadOnlyList<int> Bytes)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<TokenLogProb>? TopLogprobs { get; init; }

    /// <summary>Its id; ours, not OpenAI's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? TokenId { get; init; }

    /// <summary>16 hex digits; only when asked for through <c>stoker</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LogitHash { get; init; }
}

public sealed record Usage(int PromptTokens, int CompletionTokens, int TotalTokens)
{
    public PromptTokensDetails? PromptTokensDetails { get; init; }
}

public sealed record PromptTokensDetails(int CachedTokens);

/// <summary>Ours, beside OpenAI's fields: counts and milliseconds, as the runner measured them.</summary>
public sealed record Timings
{
    public required int PromptN { get; init; }
    public required int CacheN { get; init; }
    public required double PromptMs { get; init; }
    public required int PredictedN { get; init; }
    public required double PredictedMs { get; init; }

    /// <summary>Tokens a second while decoding; 0 when nothing was decoded.</summary>
    public required double PredictedPerSecond { get; init; }

    /// <summary>The seed that was used.</summary>
    public required uint Seed { get; init; }
}
