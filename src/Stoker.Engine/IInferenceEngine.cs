using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine;

/// <summary>
/// What the APIs see of everything below them: installed models, loaded models, and one call that answers. Thread-safe.
/// </summary>
public interface IInferenceEngine
{
    /// <summary>Models that can be named without fetching anything, newest first.</summary>
    Task<IReadOnlyList<ModelManifest>> ListInstalledAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The manifest that a name means among installed models, or null. With <see cref="CallerTrust.Owner"/> a path is found too.
    /// </summary>
    Task<ModelManifest?> FindAsync(string model, CallerTrust trust, CancellationToken cancellationToken);

    /// <summary>
    /// Waits its turn, loads the model when it is not loaded, generates. The token stops the wait, the load, prefill within one
    /// micro-batch and decoding within one token; leaving the enumeration early does the same.
    /// </summary>
    /// <exception cref="Core.Errors.StokerException">
    /// NotFound (no such model), Busy (queue full; RetryAfter set), OutOfMemory, ContextOverflow, InvalidInput, Unsupported
    /// (a template that is not recognised), Unavailable (the runner ended; its message has the last log lines), Cancelled (the model
    /// was unloaded at once).
    /// </exception>
    IAsyncEnumerable<GenerationEvent> GenerateAsync(
        string model,
        GenerationRequest request,
        GenerationContext context,
        CancellationToken cancellationToken);

    /// <summary>Loaded and loading models.</summary>
    IReadOnlyList<LoadedModel> ListLoaded();

    /// <summary>Unloads a model (null: all) after its running answers.</summary>
    /// <param name="now">They are ended instead, each with the error Cancelled; sessions keep what they had.</param>
    Task<Unloaded> UnloadAsync(string? model, bool now, CancellationToken cancellationToken);
}

/// <summary>What became of an unload.</summary>
/// <param name="WasLoaded">False: there was nothing to unload.</param>
/// <param name="Ended">Answers, or the load, that were ended for it.</param>
public sealed record Unloaded(bool WasLoaded, int Ended);

/// <summary>Who asks, and who wants to know how the load goes.</summary>
/// <param name="Trust">How the caller reached us.</param>
/// <param name="Progress">Told of load stages, or null.</param>
public sealed record GenerationContext(CallerTrust Trust, IProgress<StageProgress>? Progress = null)
{
    /// <summary>Overrides for a model that is about to be loaded (<c>--ctx</c>, <c>--threads</c>); a loaded one with others is loaded anew.</summary>
    public LoadOptions? Load { get; init; }

    /// <summary>The model is loaded, and nothing generated.</summary>
    public bool LoadOnly { get; init; }

    /// <summary>Whose conversations it may see and continue (<see cref="GenerationRequest.Scope"/>).</summary>
    public string Scope { get; init; } = "";

    /// <summary>How long the model stays loaded after the answer, or null: as configured. Zero: unload at once. Negative: for ever.</summary>
    public TimeSpan? KeepAlive { get; init; }
}

/// <summary>How a model is loaded. Null: the default named here.</summary>
public sealed record LoadOptions
{
    /// <summary>Context in tokens. Default: the smaller of what it was trained for and 8192.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>Threads for decoding. Default: the physical cores that cpuset and quota leave; 1 for models under 32 MiB, which more would slow down.</summary>
    public int? Threads { get; init; }

    /// <summary>Repack weights for this processor (more private memory, faster prefill). Default: as libllama decides.</summary>
    public bool? Repack { get; init; }

    /// <summary>Conversations decoded side by side, each with the whole context. Default: 4, fewer where cells in memory would take too much of it.</summary>
    public int? Parallel { get; init; }

    /// <summary>Where the cells of conversations lie. Default: auto.</summary>
    public KvMode? Kv { get; init; }

    /// <summary>Type of keys and values. Default: f16.</summary>
    public KvType? KvType { get; init; }

    /// <summary>Tokens of a conversation whose cells stay in memory. Default: as many as the kernel likes.</summary>
    public int? KvWindowTokens { get; init; }

    /// <summary>Layers on a GPU, where the libraries have one. Default: as libllama decides.</summary>
    public int? GpuLayers { get; init; }

    /// <summary>Snapshots of sessions survive the loss of power too. Default: no, only the end of any process.</summary>
    public bool? SyncSessions { get; init; }
}

/// <summary>A loaded or loading model, as <c>stoker ps</c> shows it.</summary>
public sealed record LoadedModel
{
    public required string Name { get; init; }
    public required LoadedState State { get; init; }
    public int? Pid { get; init; }
    public int ContextTokens { get; init; }
    public int Threads { get; init; }

    /// <summary>Conversations that it decodes side by side.</summary>
    public int Slots { get; init; }

    /// <summary>Where the cells of conversations lie; null while it loads.</summary>
    public KvMode? Kv { get; init; }

    /// <summary>Why they lie in memory though files were wanted; or null.</summary>
    public string? KvReason { get; init; }

    /// <summary>Why layers that were asked for do not lie on a GPU; or null.</summary>
    public string? GpuReason { get; init; }

    /// <summary>What the budget holds for it.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Requests running and waiting.</summary>
    public int Requests { get; init; }

    /// <summary>Answers being given.</summary>
    public int Answering { get; init; }

    /// <summary>Since when the first of them is asked for (its load counts), UTC; null: there is none.</summary>
    public DateTimeOffset? AnsweringSince { get; init; }

    /// <summary>When it unloads if nobody asks, UTC; null while it answers or when it never does.</summary>
    public DateTimeOffset? UnloadsAt { get; init; }

    /// <summary>Answers finished since it was loaded.</summary>
    public long Answers { get; init; }
}

/// <summary>State of a runner.</summary>
public enum LoadedState
{
    Loading,
    Idle,
    Answering,
    Unloading,
}
