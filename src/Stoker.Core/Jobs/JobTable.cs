using System.Globalization;
using System.Runtime.CompilerServices;
using Stoker.Core.Errors;

namespace Stoker.Core.Jobs;

/// <summary>
/// Work that the daemon owns and that outlives whoever asked for it: downloads, later moves and conversions. Bounded in what
/// runs, waits and is remembered. Who disposes it cancels every job and waits for their ends. Thread-safe.
/// </summary>
public sealed class JobTable : IAsyncDisposable
{
    private readonly JobTableOptions _options;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _places;

    // Guards the three fields below it. Held for look-ups and insertions only, never while a job's work runs.
    private readonly Lock _gate = new();
    private readonly List<Job> _jobs = [];
    private long _lastId;
    private bool _disposed;

    public JobTable(JobTableOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        _places = new SemaphoreSlim(options.MaxRunning);
    }

    /// <summary>
    /// Starts work, or joins the job that already does it: an active job with an equal <paramref name="key"/>, which a pause does not keep waiting. One that is being
    /// cancelled is not joined; the new job waits for its end first.
    /// </summary>
    /// <param name="kind">What sort of work.</param>
    /// <param name="title">What it works on, for people.</param>
    /// <param name="work">Begins on another thread. It ends soon after its token is set, and begins anew after a pause.</param>
    /// <param name="key">Compared with <see cref="object.Equals(object)"/>; null joins nothing.</param>
    /// <exception cref="StokerException">Busy: too many jobs; Unavailable: the daemon is ending.</exception>
    public JobSnapshot Start(string kind, string title, Func<JobContext, Task> work, object? key = null)
    {
        Job job;
        Job? predecessor;
        lock (_gate)
        {
            if (_disposed) throw new StokerException(ErrorKind.Unavailable, "The daemon is shutting down and starts no more jobs.");
            predecessor = key is null ? null : _jobs.FindLast(other => key.Equals(other.Key) && !other.HasEnded);
            if (predecessor is { IsCancelling: false })
            {
                predecessor.Resume(); // who asks for the work again wants it done
                return predecessor.Snapshot();
            }
            var active = _jobs.Count(static other => !other.HasEnded);
            if (active >= _options.MaxActive)
            {
                throw new StokerException(ErrorKind.Busy, $"{active} jobs run or wait already; wait for one to end, or cancel one.")
                {
                    RetryAfter = TimeSpan.FromSeconds(10),
                };
            }
            Forget();
            job = new Job((++_lastId).ToString(CultureInfo.InvariantCulture), kind, title, key, _time);
            _jobs.Add(job);
        }
        _ = Task.Run(() => job.RunAsync(predecessor?.Ended, _places, work, _options.OnDefect), CancellationToken.None);
        return job.Snapshot();
    }

    /// <summary>Asks a job to end. Null: no such job. One that ended already stays as it is.</summary>
    public JobSnapshot? Cancel(string id)
    {
        var job = Find(id);
        job?.Cancel();
        return job?.Snapshot();
    }

    /// <summary>Asks a job to stop for now; it keeps what it has done, and its place among the active ones. Null: no such job.</summary>
    public JobSnapshot? Pause(string id)
    {
        var job = Find(id);
        job?.Pause();
        return job?.Snapshot();
    }

    /// <summary>Lets a paused job go on. Null: no such job. One that is not paused stays as it is.</summary>
    public JobSnapshot? Resume(string id)
    {
        var job = Find(id);
        job?.Resume();
        return job?.Snapshot();
    }

    public JobSnapshot? Get(string id) => Find(id)?.Snapshot();

    /// <summary>Active and remembered jobs, newest first.</summary>
    public IReadOnlyList<JobSnapshot> List()
    {
        Job[] jobs;
        lock (_gate) jobs = [.. _jobs];
        return [.. jobs.Reverse().Select(static job => job.Snapshot())];
    }

    /// <summary>
    /// The job's state now, then whenever it changed, then its final state, which is always the last. States between may be
    /// skipped for a slow reader, who never holds the job up. Leaving does not cancel the job.
    /// </summary>
    /// <exception cref="StokerException">NotFound: no such job (any more).</exception>
    public async IAsyncEnumerable<JobSnapshot> SubscribeAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var job = Find(id) ?? throw NoSuchJob(id);
        var signal = job.Subscribe();
        try
        {
            var snapshot = job.Snapshot();
            yield return snapshot;
            while (!snapshot.HasEnded)
            {
                await signal.Reader.ReadAsync(cancellationToken);
                await PauseAsync(job, cancellationToken);
                snapshot = job.Snapshot();
                yield return snapshot;
            }
        }
        finally
        {
            job.Unsubscribe(signal);
        }
    }

    /// <summary>The final state, once it has come.</summary>
    /// <exception cref="StokerException">NotFound: no such job.</exception>
    public async Task<JobSnapshot> WaitAsync(string id, CancellationToken cancellationToken)
    {
        var job = Find(id) ?? throw NoSuchJob(id);
        await job.Ended.WaitAsync(cancellationToken);
        return job.Snapshot();
    }

    public async ValueTask DisposeAsync()
    {
        Job[] jobs;
        lock (_gate)
        {
            _disposed = true;
            jobs = [.. _jobs];
        }
        foreach (var job in jobs) job.Cancel();
        foreach (var job in jobs) await job.Ended;
        _places.Dispose();
    }

    public static StokerException NoSuchJob(string id) =>
        new(ErrorKind.NotFound, $"There is no job '{Printable.Short(id, 40)}' (ended jobs are forgotten after a while, and when the daemon restarts).");

    private Job? Find(string id)
    {
        lock (_gate) return _jobs.Find(job => job.Id == id);
    }

    /// <summary>Lets reports gather, so that a fast job does not flood its readers; the end cuts it short.</summary>
    private async Task PauseAsync(Job job, CancellationToken cancellationToken)
    {
        if (job.HasEnded || _options.SubscriptionInterval <= TimeSpan.Zero) return;
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(job.Ended, Task.Delay(_options.SubscriptionInterval, _time, pause.Token));
        await pause.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Forget()
    {
        var excess = _jobs.Count(static job => job.HasEnded) - _options.MaxEnded + 1;
        for (; excess > 0; excess--) _jobs.Remove(_jobs.Find(static job => job.HasEnded)!);
    }
}
