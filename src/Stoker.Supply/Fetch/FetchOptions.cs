using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>How files are fetched. One for a whole process: the rate and the connections are shared by all its downloads.</summary>
public sealed record FetchOptions
{
    /// <summary>So many ranges of a file received at once, or null: as many as help, up to <see cref="MaxWorkers"/>. At least 1. Each may have asked for its next range on a second connection.</summary>
    public int? Workers { get; init; }

    /// <summary>Default: 16.</summary>
    public int MaxWorkers { get; init; } = ParallelismPlanner.DefaultMaxCount;

    /// <summary>Null: as patient as the job's session.</summary>
    public RetryOptions? Retry { get; init; }

    /// <summary>The rate that all downloads share.</summary>
    public TokenBucket Rate { get; init; } = new(null, TimeProvider.System);

    /// <summary>One slot for each connection that receives; shared by all downloads. Default: 64.</summary>
    public SemaphoreSlim Connections { get; init; } = new(64, 64);

    /// <summary>False: an address that was fetched before is not asked whether its content changed.</summary>
    public bool Revalidate { get; init; } = true;

    /// <summary>
    /// True: what was fetched does not stay in memory, and other files keep their place there. False: it stays as far as there is
    /// room, for a model that is loaded next.
    /// </summary>
    public bool LeavesPageCache { get; init; }

    internal RetryOptions RetryOf(SourceOptions source) => Retry ?? new RetryOptions
    {
        FirstDelay = source.Retry.FirstDelay,
        MaxAttempts = source.Retry.MaxTries,
        MaxRetryAfter = source.Retry.LongestWait,
        StallTimeout = source.IdleTimeout,
    };

    /// <summary>Stands between a download and its files; for tests of disks that fail.</summary>
    public Func<IPartialContent, IPartialContent> OnDisk { get; init; } = static content => content;
}
