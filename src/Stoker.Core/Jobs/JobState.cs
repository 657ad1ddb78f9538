namespace Stoker.Core.Jobs;

/// <summary>Where a job stands. The last three are final.</summary>
public enum JobState
{
    /// <summary>Waits for one of the places in which jobs run.</summary>
    Queued,
    Running,

    /// <summary>Ended for now; what is done stays, and it goes on from there when it is resumed.</summary>
    Paused,
    Done,
    Failed,
    Cancelled,
}
