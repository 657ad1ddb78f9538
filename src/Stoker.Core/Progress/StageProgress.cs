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

    /// <summary>The bytes were on this machine: none came over a network.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Where bytes come from right now: hosts. Null when the step has no such thing.</summary>
    public IReadOnlyList<string>? Sources { get; init; }

    /// <summary>Seconds left at this rate, or null when that is not known.</summary>
    public double? SecondsLeft => !IsDone && BytesPerSecond is > 0 and var rate && TotalBytes is { } total ? Math.Max(0, (total - DoneBytes) / rate) : null;

    /// <summary>The note of a file that needed no fetching.</summary>
    public const string AlreadyHere = "already here";

    /// <summary>The note of an address that was asked and has what it had before.</summary>
    public const string Unchanged = "unchanged";

    /// <summary>A short note for people, e.g. "already here" or why a mirror was left.</summary>
    public string? Note { get; init; }

    /// <summary>What was asked for and is not so, though the step went well; null: nothing. For people who did not ask for details.</summary>
    public string? Warning { get; init; }
}
