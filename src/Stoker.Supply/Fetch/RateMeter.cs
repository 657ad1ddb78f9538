namespace Stoker.Supply.Fetch;

/// <summary>Bytes per second over the last few seconds. Not thread-safe.</summary>
public sealed class RateMeter(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);
    private readonly Queue<(long At, long Bytes)> _marks = new();

    /// <summary>Takes the count so far; gives the rate, or null while there is none to tell. A count that falls begins anew.</summary>
    public double? Mark(long doneBytes)
    {
        if (_marks.Count > 0 && doneBytes < _marks.Last().Bytes) _marks.Clear();
        var now = time.GetTimestamp();
        _marks.Enqueue((now, doneBytes));
        while (_marks.Count > 2 && (time.GetElapsedTime(_marks.Peek().At, now) > Window || _marks.Count > 200)) _marks.Dequeue();
        var (firstAt, firstBytes) = _marks.Peek();
        var seconds = time.GetElapsedTime(firstAt, now).TotalSeconds;
        return seconds > 0.05 ? (doneBytes - firstBytes) / seconds : null;
    }
}
