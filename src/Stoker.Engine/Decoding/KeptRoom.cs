namespace Stoker.Engine.Decoding;

/// <summary>How much may be kept of conversations that nobody answers in. Pure.</summary>
/// <param name="Conversations">So many.</param>
/// <param name="DiskBytes">Their cells in files.</param>
/// <param name="HeapBytes">Their states in memory: the runner's heap is limited.</param>
public readonly record struct KeptRoom(int Conversations, long DiskBytes, long HeapBytes)
{
    /// <summary>Which of them have to go.</summary>
    /// <param name="latestFirst">What each takes on disk and in memory, the latest used first: that one's needs come before an older one's.</param>
    /// <returns>Places in that list.</returns>
    public IEnumerable<int> Leavers(IReadOnlyList<(long DiskBytes, long HeapBytes)> latestFirst)
    {
        var (disk, heap) = (0L, 0L);
        for (var i = 0; i < latestFirst.Count; i++)
        {
            disk += latestFirst[i].DiskBytes;
            heap += latestFirst[i].HeapBytes;
            if (i >= Conversations || disk > DiskBytes || heap > HeapBytes) yield return i;
        }
    }
}
