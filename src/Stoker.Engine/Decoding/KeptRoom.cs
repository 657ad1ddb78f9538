namespace Stoker.Engine.Decoding;

/// <summary>What a conversation takes that nobody answers in.</summary>
/// <param name="Files">Its cells: how many bytes in which file.</param>
/// <param name="HeapBytes">Its states in memory.</param>
/// <param name="IsNamed">The prompt cache's limit is none of its.</param>
public readonly record struct KeptSize(IReadOnlyList<(ulong Inode, long Bytes)> Files, long HeapBytes, bool IsNamed);

/// <summary>How much may be kept of conversations that nobody answers in. Pure.</summary>
/// <param name="Conversations">So many.</param>
/// <param name="DiskBytes">Their cells in files; what several share counts once.</param>
/// <param name="HeapBytes">Their states in memory: the runner's heap is limited.</param>
public readonly record struct KeptRoom(int Conversations, long DiskBytes, long HeapBytes)
{
    /// <summary>Of the cells, those of conversations without a name.</summary>
    public long UnnamedBytes { get; init; } = long.MaxValue;

    /// <summary>Which of them have to go.</summary>
    /// <param name="latestFirst">What each takes, the latest used first: that one's needs come before an older one's.</param>
    /// <returns>Places in that list.</returns>
    public IEnumerable<int> Leavers(IReadOnlyList<KeptSize> latestFirst)
    {
        var (all, unnamed) = (new Dictionary<ulong, long>(), new Dictionary<ulong, long>());
        var (disk, unnamedDisk, heap) = (0L, 0L, 0L);
        for (var i = 0; i < latestFirst.Count; i++)
        {
            var size = latestFirst[i];
            disk += More(all, size.Files);
            if (!size.IsNamed) unnamedDisk += More(unnamed, size.Files);
            heap += size.HeapBytes;
            if (i >= Conversations || disk > DiskBytes || heap > HeapBytes || (!size.IsNamed && unnamedDisk > UnnamedBytes)) yield return i;
        }
    }

    // What of each file was not counted yet.
    private static long More(Dictionary<ulong, long> counted, IReadOnlyList<(ulong Inode, long Bytes)> files)
    {
        var more = 0L;
        foreach (var (inode, bytes) in files)
        {
            var before = counted.GetValueOrDefault(inode);
            if (bytes <= before) continue;
            more += bytes - before;
            counted[inode] = bytes;
        }
        return more;
    }
}
