namespace Stoker.Engine.Runners;

/// <summary>What a user sets about loading and waiting.</summary>
public sealed record RunnerPoolOptions
{
    public required RunnerStart Start { get; init; }

    /// <summary>Requests that may wait.</summary>
    public int QueueLength { get; init; } = 64;

    /// <summary>How long a model stays loaded after an answer, when the request does not say. Zero: not at all. Negative: for ever.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How models are loaded, when the request does not say.</summary>
    public LoadOptions Load { get; init; } = new();

    /// <summary>Where conversations lie; null: they have no files, and their cells lie in memory.</summary>
    public string? SessionsFolder { get; init; }

    /// <summary>Bytes that all sessions may take, or null: what the disk has.</summary>
    public long? SessionQuotaBytes { get; init; }

    /// <summary>Bytes that conversations without a name may take on disk; 0: they end with their runner.</summary>
    public long PromptCacheBytes { get; init; }

    /// <summary>How long a conversation rests before its pages are given back. Negative: for ever.</summary>
    public TimeSpan IdleAfter { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Gets one line for each event and each line a runner writes, with the model's name before it (<c>-</c>: of none).</summary>
    public Action<string, string>? Log { get; init; }
}
