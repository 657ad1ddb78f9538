using System.Threading.Channels;
using Stoker.Core.Errors;
using Stoker.Core.Progress;

namespace Stoker.Core.Jobs;

/// <summary>One job's state. Its lock is held for assignments only. Thread-safe.</summary>
#pragma warning disable CA1001 // The token source has no timer and no parent: nothing to release, and a late Cancel must not meet a disposed one.
internal sealed class Job
#pragma warning restore CA1001
{
    private readonly Lock _gate = new();
    private readonly List<ChannelWriter<bool>> _subscribers = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _cancellation = new();

    private JobSnapshot _state;
    private long _version;

    // Ends the stretch of work between two pauses; null when none is under way. As little to dispose of as the one above.
    private CancellationTokenSource? _stretch;

    // Set while a pause is asked for or lasts; completes when the job is resumed.
    private TaskCompletionSource? _pause;

    public Job(string id, string kind, string title, object? key, TimeProvider time)
    {
        Key = key;
        _time = time;
        _state = new JobSnapshot { Id = id, Kind = kind, Title = title, State = JobState.Queued, CreatedAt = time.GetUtcNow() };
        Board = new StageBoard { Changed = OnReport };
    }

    public string Id => _state.Id;

    public object? Key { get; }

    public StageBoard Board { get; }

    /// <summary>Completes at the end, however it ends; never faults.</summary>
    public Task Ended => _ended.Task;

    public bool HasEnded
    {
        get { lock (_gate) return _state.HasEnded; }
    }

    public bool IsCancelling => _cancellation.IsCancellationRequested;

    public CancellationToken CancellationToken => _cancellation.Token;

    public JobSnapshot Snapshot()
    {
        lock (_gate) return _state with { Version = _version, Progress = Board.Snapshot() };
    }

    public void Cancel() => _cancellation.Cancel();

    /// <summary>Asks the work to stop for now. What it does between hears it as a cancellation.</summary>
    public void Pause()
    {
        CancellationTokenSource? stretch;
        lock (_gate)
        {
            if (_state.HasEnded || _pause is { Task.IsCompleted: false }) return;
            _pause = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            stretch = _stretch;
        }
        stretch?.Cancel();
    }

    public void Resume()
    {
        lock (_gate) _pause?.TrySetResult();
    }

    public void SetResult(string result) => Change(state => state with { Result = result });

    /// <summary>Runs the work to its end, anew after each pause. Never throws: an exception is the job's failure.</summary>
    public async Task RunAsync(Task? predecessor, SemaphoreSlim places, Func<JobContext, Task> work, Action<string, Exception>? onDefect)
    {
        var end = (State: JobState.Cancelled, Failure: default(JobFailure));
        try
        {
            if (predecessor is not null) await predecessor.WaitAsync(CancellationToken);
            while (!await RunStretchAsync(places, work)) await WaitForResumeAsync();
            end = (JobState.Done, null);
        }
        catch (Exception exception) when (IsCancelling && IsCancellation(exception))
        {
            // As asked.
        }
        catch (StokerException exception)
        {
            end = (JobState.Failed, new JobFailure(exception.Kind, exception.Message));
        }
        catch (Exception exception)
        {
            // The root of the job's work: a defect ends the job, not the daemon.
            onDefect?.Invoke(Id, exception);
            end = (JobState.Failed, new JobFailure(ErrorKind.Internal, $"{exception.GetType().Name}: {exception.Message}"));
        }
        finally
        {
            Change(state => state with { State = end.State, Failure = end.Failure, EndedAt = _time.GetUtcNow() });
            _ended.SetResult();
        }
    }

    /// <returns>False: it was paused before its end.</returns>
    private async Task<bool> RunStretchAsync(SemaphoreSlim places, Func<JobContext, Task> work)
    {
        var stretch = new CancellationTokenSource();
        await using var cancelled = CancellationToken.Register(stretch.Cancel);
        bool isPaused;
        lock (_gate)
        {
            _stretch = stretch;
            isPaused = _pause is { Task.IsCompleted: false };
        }
        if (isPaused) await stretch.CancelAsync();
        var hasPlace = false;
        try
        {
            await places.WaitAsync(stretch.Token);
            hasPlace = true;
            Change(state => state with { State = JobState.Running, StartedAt = state.StartedAt ?? _time.GetUtcNow() });
            await work(new JobContext(this, stretch.Token));
            return true;
        }
        catch (Exception exception) when (!IsCancelling && _pause is not null && IsCancellation(exception))
        {
            return false;
        }
        finally
        {
            if (hasPlace) places.Release();
        }
    }

    private async Task WaitForResumeAsync()
    {
        Change(static state => state with { State = JobState.Paused });
        while (_pause is { } pause)
        {
            await pause.Task.WaitAsync(CancellationToken);
            lock (_gate)
            {
                if (_pause == pause) _pause = null; // not when it was paused again meanwhile
            }
        }
        Change(static state => state with { State = JobState.Queued });
    }

    /// <summary>A signal that something changed; several changes give one. Give the writer back to <see cref="Unsubscribe"/>.</summary>
    public Channel<bool> Subscribe()
    {
        // One place, the rest dropped: the signal says "look again", and whoever looks sees the latest state.
        var signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        lock (_gate) _subscribers.Add(signal.Writer);
        return signal;
    }

    public void Unsubscribe(Channel<bool> signal)
    {
        lock (_gate) _subscribers.Remove(signal.Writer);
    }

    private static bool IsCancellation(Exception exception) =>
        exception is OperationCanceledException or StokerException { Kind: ErrorKind.Cancelled };

    private void OnReport() => Change(static state => state);

    private void Change(Func<JobSnapshot, JobSnapshot> change)
    {
        lock (_gate)
        {
            // A report that comes late changes nothing any more.
            if (_state.HasEnded) return;
            _state = change(_state);
            _version++;
            foreach (var subscriber in _subscribers) subscriber.TryWrite(true);
        }
    }
}
