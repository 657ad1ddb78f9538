namespace Stoker.Tests;

/// <summary>
/// Time that passes as fast as those who wait for it: whoever waits is waited for by nobody, and the clock is then as late as it would
/// have been. What a rate or a delay comes to is exact, and the machine's pace is not in it. Thread-safe.
/// </summary>
internal sealed class SkippedTime : TimeProvider
{
    private long _ticks = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(GetTimestamp(), TimeSpan.Zero);

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SkippedTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private void MoveOnTo(long due)
    {
        for (var now = GetTimestamp(); now < due; now = GetTimestamp()) Interlocked.CompareExchange(ref _ticks, due, now);
    }

    private sealed class SkippedTimer(SkippedTime time, TimerCallback callback, object? state) : ITimer
    {
        private int _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var version = Interlocked.Increment(ref _version);
            if (dueTime == Timeout.InfiniteTimeSpan) return true;
            var due = time.GetTimestamp() + dueTime.Ticks;
            ThreadPool.QueueUserWorkItem(_ =>
            {
                if (Volatile.Read(ref _version) != version) return; // disposed or changed meanwhile
                time.MoveOnTo(due);
                callback(state);
            });
            return true;
        }

        public void Dispose() => Interlocked.Increment(ref _version);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
