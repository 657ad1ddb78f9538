using Stoker.Core.Errors;
using Stoker.Core.Progress;

namespace Stoker.Core.Jobs;

/// <summary>A job at one moment. Immutable; safe to hand to anybody.</summary>
public sealed record JobSnapshot
{
    /// <summary>Unique while the daemon runs; short enough to type.</summary>
    public required string Id { get; init; }

    /// <summary>What sort of work, e.g. <c>pull</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>What it works on, for people, e.g. the reference.</summary>
    public required string Title { get; init; }

    public required JobState State { get; init; }

    /// <summary>UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>UTC; null while queued.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>UTC; null until the end.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The latest state of every step and file it told of, in the order they first appeared.</summary>
    public IReadOnlyList<StageProgress> Progress { get; init; } = [];

    /// <summary>What came of it (a pull: the model's name), or null.</summary>
    public string? Result { get; init; }

    /// <summary>Why it failed; null unless <see cref="JobState.Failed"/>.</summary>
    public JobFailure? Failure { get; init; }

    /// <summary>Grows with every change, so that a reader can tell two snapshots apart.</summary>
    public long Version { get; init; }

    public bool HasEnded => State is JobState.Done or JobState.Failed or JobState.Cancelled;
}

/// <summary>Why a job failed.</summary>
public sealed record JobFailure(ErrorKind Kind, string Message);
