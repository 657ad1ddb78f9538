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

    /// <summary>Ours: the name of a conversation that is kept.</summary>
    public string? Session { get; init; }

    /// <summary>With a session: the messages follow those that are kept, instead of being the whole conversation.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Append { get; init; }

    /// <summary>With a session, and no messages: its last answer goes on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Continue { get; init; }

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
    /// it) for each stage up to the first token: Wait, Verify, MakeRoom, Load, Prefill, FirstToken.
    /// </summary>
    public bool Progress { get; init; }

    /// <summary><c>--ctx</c>; a model loaded with another context is loaded anew.</summary>
    public int? ContextTokens { get; init; }

    public int? Threads { get; init; }

    /// <summary><c>--parallel</c>.</summary>
    public int? Parallel { get; init; }

    /// <summary><c>--kv</c>: <c>auto</c>, <c>ssd</c>, <c>ram</c>.</summary>
    public string? Kv { get; init; }

    /// <summary><c>--kv-type</c>.</summary>
    public string? KvType { get; init; }

    /// <summary><c>--kv-window</c>.</summary>
    public int? KvWindow { get; init; }

    /// <summary><c>--repack</c>: <c>auto</c>, <c>on</c>, <c>off</c>.</summary>
    public string? Repack { get; init; }

    /// <summary><c>--ngl</c>.</summary>
    public int? GpuLayers { get; init; }

    /// <summary><c>--durability</c>: <c>process</c>, <c>fsync</c>.</summary>
    public string? Durability { get; init; }

    /// <summary>Seconds the model stays loaded after the answer; 0 unloads at once, negative never.</summary>
    public double? KeepAliveS { get; init; }

    /// <summary>Each token's hash of the full-vocabulary logits comes with <c>logprobs</c> (exactness tests).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool LogitHashes { get; init; }

    /// <summary>The model is loaded, and nothing answered.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool LoadOnly { get; init; }

    /// <summary>An end-of-generation token does not end the answer (benchmarks).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IgnoreEos { get; init; }

    /// <summary>How the model is to be loaded; null: however it is.</summary>
    /// <exception cref="Core.Errors.StokerException">InvalidInput: a word that is none.</exception>
    [JsonIgnore]
    public Engine.LoadOptions? Load
    {
        get
        {
            var options = new Engine.LoadOptions
            {
                ContextTokens = ContextTokens,
                Threads = Threads,
                Parallel = Parallel,
                Kv = Kv is null ? null : Engine.LoadWords.Kv(Kv),
                KvType = KvType is null ? null : Engine.LoadWords.KvType(KvType),
                KvWindowTokens = KvWindow,
                Repack = Repack is null ? null : Engine.LoadWords.Repack(Repack),
                GpuLayers = GpuLayers,
                SyncSessions = Durability is null ? null : Engine.LoadWords.SyncSessions(Durability),
            };
            return options == new Engine.LoadOptions() ? null : options;
        }
    }
}
