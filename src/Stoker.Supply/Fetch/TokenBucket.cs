namespace Stoker.Supply.Fetch;

/// <summary>
/// The byte rate that all downloads share. Takers are served in turn; what was taken too much is waited for by the next, so the
/// rate holds over all connections however large their reads are. Thread-safe.
/// </summary>
public sealed class TokenBucket
{
    // What may be taken at once after a pause: a tenth of a second's worth.
    private const double BurstSeconds = 0.1;

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private double _freeAt; // seconds on _time's clock at which all that was taken so far is paid for

    /// <param name="bytesPerSecond">Null: no limit.</param>
    /// <param name="time">The clock.</param>
    public TokenBucket(long? bytesPerSecond, TimeProvider time)
    {
        if (bytesPerSecond is < 1) throw new ArgumentOutOfRangeException(nameof(bytesPerSecond), bytesPerSecond, "A rate is at least one byte a second.");
        BytesPerSecond = bytesPerSecond;
        _time = time;
        _freeAt = Now();
    }

    public long? BytesPerSecond { get; }

    /// <summary>How much is best read at once, so that a slow rate flows instead of jumping.</summary>
    public int PreferredReadBytes(int maxBytes) =>
        BytesPerSecond is { } rate ? (int)Math.Clamp(rate / 20, 1024, maxBytes) : maxBytes;

    /// <summary>Takes, and waits until it is this taker's turn to go on.</summary>
    public ValueTask TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        if (BytesPerSecond is not { } rate) return ValueTask.CompletedTask;
        TimeSpan wait;
        lock (_gate)
        {
            var now = Now();
            _freeAt = Math.Max(_freeAt, now - BurstSeconds) + ((double)bytes / rate);
            wait = TimeSpan.FromSeconds(Math.Max(0, _freeAt - now));
        }
        return wait < TimeSpan.FromMilliseconds(1) ? ValueTask.CompletedTask : new ValueTask(Task.Delay(wait, _time, cancellationToken));
    }

    private double Now() => _time.GetElapsedTime(0).TotalSeconds;
}
