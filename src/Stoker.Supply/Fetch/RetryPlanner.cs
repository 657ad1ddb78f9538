using System.Runtime.InteropServices;
using Stoker.Core.Errors;

namespace Stoker.Supply.Fetch;

/// <summary>How patient a fetch is.</summary>
public sealed record RetryOptions
{
    /// <summary>Wait before the first retry of a range; doubles with each. Default: 2 s.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Failures in a row, without a chunk finished between them, after which a range is given up. Default: 4 (waits of 2, 4 and 8 s).</summary>
    public int MaxAttempts { get; init; } = 4;

    /// <summary>Retries that one job may make in all. Default: 200.</summary>
    public int Budget { get; init; } = 200;

    /// <summary>The longest Retry-After that is waited for. Default: 2 minutes.</summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>No byte for this long, before or within an answer, is a failure. Default: 30 s.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Decides whether and when a failed range is asked for again. Thread-safe.</summary>
public sealed class RetryPlanner(RetryOptions options, Random random)
{
    private readonly Lock _gate = new();
    private int _used;

    /// <summary>Retries made so far.</summary>
    public int UsedCount
    {
        get { lock (_gate) return _used; }
    }

    /// <param name="failuresInARow">1 for the first failure since the range last made progress.</param>
    /// <param name="failure">What happened.</param>
    public RetryDecision After(int failuresInARow, FetchFailure failure)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failuresInARow, 1);
        if (!failure.IsTransient) return new RetryDecision(null, failure.Message);
        if (failure.IsSlow) return new RetryDecision(TimeSpan.Zero, failure.Message);
        if (failuresInARow >= options.MaxAttempts) return new RetryDecision(null, $"{failure.Message} ({failuresInARow} times in a row)");
        lock (_gate)
        {
            if (_used >= options.Budget) return new RetryDecision(null, $"{failure.Message} (and the {options.Budget} retries of this download are used up)");
            if (failure.RetryAfter is { } asked && asked > options.MaxRetryAfter)
                return new RetryDecision(null, $"{failure.Message}; the origin asks to come back in {asked.TotalSeconds:0} s");
            _used++;
            // Between three and five quarters, so that connections that failed together do not return together.
            var jitter = 0.75 + (random.NextDouble() / 2);
            var delay = options.FirstDelay * (1 << Math.Min(failuresInARow - 1, 10)) * jitter;
            // What the origin asks for is a minimum; jitter goes on top.
            if (failure.RetryAfter is { } after) delay = after + (options.FirstDelay * (random.NextDouble() / 4));
            return new RetryDecision(delay, failure.Message);
        }
    }
}

/// <summary>Wait <see cref="Delay"/> and try again, or, when it is null, give up because of <see cref="Reason"/>.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct RetryDecision(TimeSpan? Delay, string Reason);

/// <summary>One failed attempt, judged.</summary>
/// <param name="Kind">What it will be if it is final.</param>
/// <param name="IsTransient">True when the same request may go through later.</param>
/// <param name="Message">For people; without secrets.</param>
public sealed record FetchFailure(ErrorKind Kind, bool IsTransient, string Message)
{
    /// <summary>What the origin asked for, or null.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The origin wants fewer requests (429, 503).</summary>
    public bool IsThrottle { get; init; }

    /// <summary>The origin now has other content than before: all that came from it so far must go.</summary>
    public bool OriginChanged { get; init; }

    /// <summary>The connection crawled and was given up by us: ask again at once.</summary>
    public bool IsSlow { get; init; }

    /// <summary>It gave bytes that are not the blob's: never ask it again.</summary>
    public bool OriginLied { get; init; }
}
