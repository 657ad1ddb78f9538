using System.Runtime.InteropServices;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Decides how many connections work on a blob. Adaptive: starts with 8, grows by half while that brings at least a tenth more
/// bytes a second, takes the growth back when it does not; halves when the origin asks for less (429, 503) and shrinks by a
/// quarter when answers take more than three times as long as at best without more bytes for it. Fixed: always that number, but an
/// origin that asks for less is heard there too. Pure: time and measurements come in; not thread-safe.
/// </summary>
public sealed class ParallelismPlanner
{
    /// <summary>Connections to begin with.</summary>
    public const int StartCount = 8;

    /// <summary>At most so many when nobody says.</summary>
    public const int DefaultMaxCount = 16;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CoolDown = TimeSpan.FromSeconds(10);

    private readonly bool _isFixed;
    private readonly int _max;
    private TimeSpan _lastChange;
    private TimeSpan _throttledUntil = TimeSpan.Zero;
    private double _rateBefore;
    private int _countBefore;
    private bool _isProbing;
    private bool _isSettled;
    private double _bestLatencyMs = double.PositiveInfinity;

    private ParallelismPlanner(int start, int max, bool isFixed)
    {
        Count = start;
        _max = max;
        _isFixed = isFixed;
    }

    /// <summary>Connections that should work now; at least 1.</summary>
    public int Count { get; private set; }

    /// <summary>Between 1 and <paramref name="max"/>, by what helps.</summary>
    public static ParallelismPlanner Adaptive(int max = DefaultMaxCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        return new ParallelismPlanner(Math.Min(StartCount, max), max, isFixed: false);
    }

    /// <summary>This many.</summary>
    public static ParallelismPlanner Fixed(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new ParallelismPlanner(count, count, isFixed: true);
    }

    /// <summary>The origin answered 429 or 503.</summary>
    public void Throttled(TimeSpan now)
    {
        // One burst of refusals is one message: connections that were refused together halve once.
        if (now < _throttledUntil - CoolDown + Window && _throttledUntil > TimeSpan.Zero) return;
        Count = Math.Max(1, Count / 2);
        _throttledUntil = now + CoolDown;
        _lastChange = now;
        _isProbing = false;
        _isSettled = false;
    }

    /// <summary>What the last second showed. Call it about once a second.</summary>
    public void Observe(TimeSpan now, ParallelismSample sample)
    {
        if (sample.LatencyMs is { } latency) _bestLatencyMs = Math.Min(_bestLatencyMs, latency);
        if (now < _throttledUntil || now - _lastChange < Window || sample.ActiveCount < Count) return;
        if (_isFixed)
        {
            Count = _max;
            return;
        }
        if (_isProbing)
        {
            _isProbing = false;
            if (sample.BytesPerSecond < 1.1 * _rateBefore)
            {
                Set(_countBefore, now);
                _isSettled = true;
                return;
            }
        }
        if (sample.LatencyMs is { } slow && slow > 3 * _bestLatencyMs && slow > 50 && Count > 1 && sample.BytesPerSecond < 1.1 * _rateBefore)
        {
            Set(Math.Max(1, Count * 3 / 4), now);
            _isSettled = true;
            return;
        }
        if (!_isSettled && Count < _max)
        {
            _rateBefore = sample.BytesPerSecond;
            _countBefore = Count;
            _isProbing = true;
            Set(Math.Min(_max, Count + Math.Max(1, Count / 2)), now);
            return;
        }
        _rateBefore = sample.BytesPerSecond;
    }

    private void Set(int count, TimeSpan now)
    {
        Count = count;
        _lastChange = now;
    }
}

/// <summary>What one window showed.</summary>
/// <param name="BytesPerSecond">Of all connections together.</param>
/// <param name="ActiveCount">Connections that were receiving.</param>
/// <param name="LatencyMs">From a request to its first byte, the middle of those seen, or null when none began.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ParallelismSample(double BytesPerSecond, int ActiveCount, double? LatencyMs);
