using Stoker.Core.Errors;

namespace Stoker.Engine.Sessions;

/// <summary>
/// Reads kept conversations again now and then, while nothing else is done: what a disk has lost is found before it is needed.
/// Slowly, one at a time, and it stops at once when somebody works.
/// </summary>
public sealed class SessionScrub : IAsyncDisposable
{
    private const long BytesPerSecond = 64 << 20;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private readonly SessionStore _store;
    private readonly TimeSpan _every;
    private readonly Func<bool> _isBusy;
    private readonly Action<SessionCheck> _found;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _unreadable = [];
    private readonly Task _loop;

    /// <param name="every">How old a reading may become; negative: nothing is read.</param>
    /// <param name="isBusy">True while somebody works. Any thread.</param>
    /// <param name="found">Told of damage. Any thread.</param>
    public SessionScrub(SessionStore store, TimeSpan every, Func<bool> isBusy, Action<SessionCheck> found)
    {
        (_store, _every, _isBusy, _found) = (store, every, isBusy, found);
        _loop = every < TimeSpan.Zero ? Task.CompletedTask : Task.Run(LoopAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    /// <summary>The one whose last reading is the oldest, if that is too old; a new one counts as read. Those in use wait.</summary>
    /// <param name="without">Ids of those that had their turn.</param>
    public static SessionSummary? Due(IEnumerable<SessionSummary> sessions, DateTimeOffset now, TimeSpan every, IReadOnlySet<string>? without = null) => sessions
        .Where(session => session is { State: SessionState.Idle, Cells: > 0 } && now - ReadAt(session) >= every && without?.Contains(session.Id) != true)
        .MinBy(ReadAt);

    private static DateTimeOffset ReadAt(SessionSummary session) => session.VerifiedAt ?? session.CreatedAt;

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(Interval, _store.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                if (!_isBusy()) Pass();
            }
        }
        catch (OperationCanceledException)
        {
            // The daemon ends.
        }
    }

    // All that are due, each once. What changes, or could not be listed, is tried again at the next tick.
    private void Pass()
    {
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var tried = new HashSet<string>(_unreadable);
        try
        {
            while (Due([.. _store.List(), .. _store.ListCache()], _store.Time.GetUtcNow(), _every, tried) is { } due)
            {
                tried.Add(due.Id);
                if (Read(due, quiet) is { Damage: not null } check) _found(check);
            }
        }
        catch (Exception error) when (error is StokerException or OperationCanceledException)
        {
        }
    }

    // Null: it could not be read just now.
    private SessionCheck? Read(SessionSummary due, CancellationTokenSource quiet)
    {
        try
        {
            return _store.Verify(due.Id, null, new Pace(_isBusy, quiet), quiet.Token, leavesCache: true);
        }
        catch (StokerException error) when (error.Kind == ErrorKind.Io)
        {
            _unreadable.Add(due.Id); // told once
            return new SessionCheck(due.Id, due.Name, due.Cells, 0, error.Message);
        }
        catch (StokerException)
        {
            return null;
        }
    }

    /// <summary>Holds the reading to its rate, and ends it when somebody works.</summary>
    private sealed class Pace(Func<bool> isBusy, CancellationTokenSource quiet) : IProgress<long>
    {
        private long _told;

        public void Report(long value)
        {
            var wait = TimeSpan.FromSeconds((double)(value - _told) / BytesPerSecond);
            _told = value;
            if (isBusy() || quiet.Token.WaitHandle.WaitOne(wait)) quiet.Cancel();
        }
    }
}
