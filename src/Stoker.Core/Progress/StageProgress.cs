namespace Stoker.Core.Progress;

/// <summary>
/// One step's state at one moment. The terminal's bar, the event stream, the metrics and later the page's time line are all
/// views of a sequence of these. Immutable.
/// </summary>
/// <param name="Stage">Which step.</param>
/// <param name="Item">What is being worked on (a file's name), or null for the step as a whole.</param>
/// <param name="DoneBytes">Bytes done so far; 0 where the step does not count bytes.</param>
/// <param name="TotalBytes">Bytes in all, or null while unknown.</param>
/// <param name="ElapsedMs">Milliseconds since the step began.</param>
/// <param name="IsDone">True in the step's last report.</param>
public sealed record StageProgress(
    Stage Stage,
    string? Item,
    long DoneBytes,
    long? TotalBytes,
    double ElapsedMs,
    bool IsDone)
{
    /// <summary>Bytes per second over the last seconds, or null when the step does not count bytes.</summary>
    public double? BytesPerSecond { get; init; }

    /// <summary>A short note for people, e.g. "cache hit" or "trust on first use".</summary>
    public string? Note { get; init; }
}
