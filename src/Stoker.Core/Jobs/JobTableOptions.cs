namespace Stoker.Core.Jobs;

/// <summary>Bounds of a <see cref="JobTable"/>.</summary>
public sealed record JobTableOptions
{
    /// <summary>Jobs that run side by side; the rest wait in order. More would share the same wire and disk.</summary>
    public int MaxRunning { get; init; } = 4;

    /// <summary>Jobs that run or wait; one more is refused as Busy.</summary>
    public int MaxActive { get; init; } = 64;

    /// <summary>Ended jobs that are remembered; the oldest go first.</summary>
    public int MaxEnded { get; init; } = 100;

    /// <summary>A subscriber is told at most this often, except of the end.</summary>
    public TimeSpan SubscriptionInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Told of an exception that is no <c>StokerException</c>, with the job's id; for the log.</summary>
    public Action<string, Exception>? OnDefect { get; init; }
}
