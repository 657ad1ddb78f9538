namespace Stoker.Supply.Fetch;

/// <summary>
/// Decides which chunks are asked for next. Every chunk is at any time in exactly one place: done, in one taken range, or free.
/// Ranges are taken from the front and get shorter towards the end: the whole-file hash can follow closely, and no connection
/// is left with much to do alone. When nothing is free, what the taken range with the most time left can spare is. No I/O; not
/// thread-safe: one owner, who locks.
/// </summary>
public sealed class RangePlanner
{
    // Taking from an open answer costs its connection and what is already on the way: for less than this it is not worth it.
    private const double StealWorthSeconds = 2;

    // Answers that come faster are not worth a second connection.
    private const double AheadWorthMs = 20;

    private readonly LinkedList<ChunkRange> _free = new(); // ascending, never empty, never touching
    private readonly List<TakenRange> _taken = [];

    /// <param name="chunkCount">Chunks of the blob.</param>
    /// <param name="isDone">True for each chunk that is here already.</param>
    public RangePlanner(int chunkCount, Func<int, bool> isDone)
    {
        ChunkCount = chunkCount;
        for (var i = 0; i < chunkCount;)
        {
            if (isDone(i)) { i++; DoneCount++; continue; }
            var first = i;
            while (i < chunkCount && !isDone(i)) i++;
            _free.AddLast(new ChunkRange(first, i));
            FreeCount += i - first;
        }
    }

    public int ChunkCount { get; }

    public int DoneCount { get; private set; }

    /// <summary>Chunks that nobody has taken.</summary>
    public int FreeCount { get; private set; }

    public bool IsComplete => DoneCount == ChunkCount;

    public IReadOnlyList<TakenRange> Taken => _taken;

    /// <summary>
    /// The next range for a free connection, or null when there is nothing worth opening a request for.
    /// </summary>
    /// <param name="workers">Connections that work on this blob, at least 1.</param>
    /// <param name="minChunks">Fewer than this are not worth a request of their own while there are more.</param>
    /// <param name="maxChunks">No range is longer.</param>
    public TakenRange? Take(int workers, int minChunks, int maxChunks = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minChunks, 1);
        if (_free.First is not { } node) return Steal(minChunks);

        // Half of an even share: the next round, with what is learnt until then, shares out the rest.
        var share = (FreeCount + (2 * workers) - 1) / (2 * workers);
        var wanted = Math.Clamp(share, Math.Min(minChunks, maxChunks), maxChunks);
        var run = node.Value;
        // A rest too short for a request of its own goes along.
        var count = run.Count - wanted < minChunks ? Math.Min(run.Count, Math.Max(wanted + minChunks - 1, 1)) : wanted;
        count = Math.Min(Math.Min(count, run.Count), maxChunks);
        var range = new ChunkRange(run.First, run.First + count);
        if (range.Count == run.Count) _free.Remove(node); else node.Value = run with { First = range.End };
        FreeCount -= range.Count;
        return Add(range);
    }

    /// <summary>One chunk, the next of the range, is here and sound.</summary>
    public void Finish(TakenRange range)
    {
        if (range.IsGone || range.Next >= range.End) throw new InvalidOperationException("Nothing of this range is under way.");
        range.Next++;
        DoneCount++;
        if (range.Next == range.End) Drop(range);
    }

    /// <summary>Gives back what the range has not finished (a failed or given-up connection), to be taken by another.</summary>
    public void Release(TakenRange range)
    {
        if (range.IsGone) return;
        Drop(range);
        if (range.Next < range.End) Free(new ChunkRange(range.Next, range.End));
    }

    /// <summary>A finished chunk turned out to be wrong after all: fetch it again.</summary>
    public void Reopen(int chunk)
    {
        DoneCount--;
        Free(new ChunkRange(chunk, chunk + 1));
    }

    /// <summary>Whether it is time to ask for a connection's next range: the rest of this one takes as long as a first byte.</summary>
    /// <param name="leftBytes">Of the range under way.</param>
    /// <param name="bytesPerSecond">Of its connection; 0: not known.</param>
    /// <param name="latencyMs">From a request to its first byte; null: not known.</param>
    public static bool IsTimeToAskAhead(long leftBytes, double bytesPerSecond, double? latencyMs) =>
        latencyMs >= AheadWorthMs && bytesPerSecond > 0 && leftBytes / bytesPerSecond * 1000 <= latencyMs;

    private TakenRange? Steal(int minChunks)
    {
        TakenRange? last = null;
        var bestPace = 0.0;
        foreach (var taken in _taken)
        {
            if (taken.Pace <= 0) continue; // nobody knows yet how long it will take
            bestPace = Math.Max(bestPace, taken.Pace);
            if (last is null || taken.SecondsLeft > last.SecondsLeft) last = taken;
        }
        // The chunk that is under way stays with its owner, so only those after it are shared.
        if (last is null || last.LeftCount - 1 < minChunks || last.SecondsLeft < StealWorthSeconds) return null;
        // So much that both would end together if the thief is as fast as the fastest.
        var share = bestPace / (bestPace + last.Pace);
        var stolen = Math.Clamp((int)(last.LeftCount * share), minChunks, last.LeftCount - 1);
        var range = new ChunkRange(last.End - stolen, last.End);
        last.End = range.First;
        return Add(range);
    }

    private TakenRange Add(ChunkRange range)
    {
        var taken = new TakenRange(range);
        _taken.Add(taken);
        return taken;
    }

    private void Drop(TakenRange range)
    {
        range.IsGone = true;
        _taken.Remove(range);
    }

    private void Free(ChunkRange range)
    {
        FreeCount += range.Count;
        var after = _free.First;
        while (after is not null && after.Value.First < range.First) after = after.Next;
        if (after is not null && after.Value.First == range.End)
        {
            range = range with { End = after.Value.End };
            var merged = after;
            after = after.Next;
            _free.Remove(merged);
        }
        var before = after is null ? _free.Last : after.Previous;
        if (before is not null && before.Value.End == range.First) before.Value = before.Value with { End = range.End };
        else if (after is null) _free.AddLast(range);
        else _free.AddBefore(after, range);
    }
}

/// <summary>A range in the hands of one connection. <see cref="End"/> may move down while it works: look at it at every chunk.</summary>
public sealed class TakenRange
{
    internal TakenRange(ChunkRange range)
    {
        First = range.First;
        Next = range.First;
        End = range.End;
    }

    public int First { get; }

    /// <summary>The chunk that is under way.</summary>
    public int Next { get; internal set; }

    public int End { get; internal set; }

    public int LeftCount => End - Next;

    /// <summary>Chunks a second that its connection manages; 0 while that is not known.</summary>
    public double Pace { get; set; }

    public double SecondsLeft => LeftCount / Math.Max(Pace, 1e-9);

    /// <summary>Finished, or given back.</summary>
    public bool IsGone { get; internal set; }
}
