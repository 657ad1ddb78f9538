namespace Stoker.Supply.Sources;

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

    private readonly long? _own;
    private readonly TokenBucket? _within;

    /// <param name="bytesPerSecond">Null: no limit of its own.</param>
    /// <param name="time">The clock.</param>
    /// <param name="within">A rate that this one has a share of (all jobs' of one job), or null.</param>
    public TokenBucket(long? bytesPerSecond, TimeProvider time, TokenBucket? within = null)
    {
        if (bytesPerSecond is < 1) throw new ArgumentOutOfRangeException(nameof(bytesPerSecond), bytesPerSecond, "A rate is at least one byte a second.");
        _own = bytesPerSecond;
        _within = within;
        _time = time;
        _freeAt = Now();
    }

    /// <summary>The smaller of its own rate and the one that it is within; null: no limit.</summary>
    public long? BytesPerSecond => _own is { } own && _within?.BytesPerSecond is { } outer ? Math.Min(own, outer) : _own ?? _within?.BytesPerSecond;

    /// <summary>How much is best read at once, so that a slow rate flows instead of jumping.</summary>
    public int PreferredReadBytes(int maxBytes) =>
        BytesPerSecond is { } rate ? (int)Math.Clamp(rate / 20, 1024, maxBytes) : maxBytes;

    /// <summary>Takes, and waits until it is this taker's turn to go on.</summary>
    public ValueTask TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        var wait = Take(bytes);
        return wait < TimeSpan.FromMilliseconds(1) ? ValueTask.CompletedTask : new ValueTask(Task.Delay(wait, _time, cancellationToken));
    }

    private TimeSpan Take(int bytes)
    {
        var outer = _within?.Take(bytes) ?? TimeSpan.Zero;
        if (_own is not { } rate) return outer;
        lock (_gate)
        {
            var now = Now();
            _freeAt = Math.Max(_freeAt, now - BurstSeconds) + ((double)bytes / rate);
            var wait = TimeSpan.FromSeconds(Math.Max(0, _freeAt - now));
            return wait > outer ? wait : outer;
        }
    }

    private double Now() => _time.GetElapsedTime(0).TotalSeconds;
}
