using System.Text.Json.Serialization;

namespace Stoker.Server.OpenAi.Contracts;

/// <summary>
/// A chat as our own client asks for it. The server reads requests field by field (other clients write them in more shapes
/// than this), so this is the writing side only.
/// </summary>
public sealed record ChatRequest
{
    public required string Model { get; init; }
    public required IReadOnlyList<ChatTurn> Messages { get; init; }
    public bool Stream { get; init; }
    public StreamOptions? StreamOptions { get; init; }
    public float? Temperature { get; init; }
    public float? TopP { get; init; }
    public int? TopK { get; init; }
    public float? MinP { get; init; }
    public float? RepeatPenalty { get; init; }
    public uint? Seed { get; init; }
    public int? MaxCompletionTokens { get; init; }
    public IReadOnlyList<string>? Stop { get; init; }
    public string? Grammar { get; init; }
    public string? ChatTemplate { get; init; }

    /// <summary>What OpenAI's fields cannot say.</summary>
    public StokerExtension? Stoker { get; init; }
}

public sealed record ChatTurn(string Role, string Content);

public sealed record StreamOptions(bool IncludeUsage);

/// <summary>
/// Our own field <c>stoker</c> of a request. All but <see cref="Progress"/> is for callers on the Unix socket: over TCP it is 403.
/// </summary>
public sealed record StokerExtension
{
    /// <summary>
    /// True, with <c>stream</c>: the stream also carries <c>event: progress</c>, whose data is a <c>StageProgress</c> (as management writes
    /// it) for each stage up to the first token: Verify, MakeRoom, Load, Prefill, FirstToken.
    /// </summary>
    public bool Progress { get; init; }

    /// <summary><c>--ctx</c>; a model loaded with another context is loaded anew.</summary>
    public int? ContextTokens { get; init; }

    public int? Threads { get; init; }

    /// <summary>Seconds the model stays loaded after the answer; 0 unloads at once, negative never.</summary>
    public double? KeepAliveS { get; init; }

    /// <summary>Each token's hash of the full-vocabulary logits comes with <c>logprobs</c> (exactness tests).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool LogitHashes { get; init; }

    /// <summary>An end-of-generation token does not end the answer (benchmarks).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IgnoreEos { get; init; }
}
