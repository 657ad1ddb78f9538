using Stoker.Core.Progress;

namespace Stoker.Core.Jobs;

/// <summary>What a job's work is given.</summary>
public sealed class JobContext
{
    private readonly Job _job;

    internal JobContext(Job job, CancellationToken cancellationToken)
    {
        _job = job;
        CancellationToken = cancellationToken;
    }

    public string Id => _job.Id;

    /// <summary>Set when somebody cancels or pauses the job, or the daemon ends.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>Never blocks; any thread.</summary>
    public IProgress<StageProgress> Progress => _job.Board;

    /// <summary>What came of it, for whoever asks later.</summary>
    public void SetResult(string result) => _job.SetResult(result);
}
