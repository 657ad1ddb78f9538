namespace Stoker.Engine.Sessions;

/// <summary>Cells that a conversation reads from a file it shares: up to this one, from where the segment before it ends.</summary>
public readonly record struct KvSegment(KvFile File, int EndCell);

/// <summary>
/// The files of one conversation's cells: segments that it shares and only reads, then its own file. Where a boundary lies inside
/// a page, the whole page belongs to the later file, which has a copy of what is before the boundary. Holds its files. Not
/// thread-safe.
/// </summary>
public sealed class KvChain : IDisposable
{
    /// <summary>Takes over one reference on each file.</summary>
    public KvChain(IReadOnlyList<KvSegment> shared, KvFile own)
    {
        Shared = shared;
        Own = own;
    }

    public IReadOnlyList<KvSegment> Shared { get; }
    public KvFile Own { get; }

    /// <summary>The first cell that may be written: those before it are shared.</summary>
    public int FirstOwnCell => Shared.Count == 0 ? 0 : Shared[^1].EndCell;

    /// <summary>Names of its files in their folder.</summary>
    internal IReadOnlySet<string> FileNames => Shared.Select(static segment => Path.GetFileName(segment.File.Name)).Append(Path.GetFileName(Own.Name)).ToHashSet();

    /// <summary>How many bytes of its first cells lie in each of its files.</summary>
    internal IEnumerable<(ulong Inode, long Bytes)> Parts(int cells, KvLayout layout)
    {
        var start = 0;
        foreach (var segment in Shared)
        {
            yield return (segment.File.Inode, (segment.EndCell - start) * layout.CellBytes);
            start = segment.EndCell;
        }
        if (cells > start) yield return (Own.Inode, (cells - start) * layout.CellBytes);
    }

    /// <summary>A chain whose first cells are this one's. It shares the files, and copies at most one page a region.</summary>
    /// <param name="cells">How many; they must not be overwritten in this chain while the child lives.</param>
    /// <param name="own">The child's empty file; its reference is the child's from now on.</param>
    public KvChain Fork(int cells, KvFile own, KvLayout layout)
    {
        var shared = new List<KvSegment>();
        foreach (var segment in Shared)
        {
            var start = shared.Count == 0 ? 0 : shared[^1].EndCell;
            if (cells <= start) break;
            shared.Add(new KvSegment(segment.File.Share(), Math.Min(cells, segment.EndCell)));
        }
        if (cells > FirstOwnCell) shared.Add(new KvSegment(Own.Share(), cells));
        var child = new KvChain(shared, own);
        try
        {
            foreach (var region in layout.Regions) CopyMixedPage(region, cells, own, layout);
            return child;
        }
        catch
        {
            child.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var segment in Shared) segment.File.Dispose();
        Own.Dispose();
    }

    private void CopyMixedPage(in KvRegion region, int cells, KvFile own, KvLayout layout)
    {
        var from = layout.WholePageBytes(region, cells);
        var length = (int)(((long)cells * region.RowBytes) - from);
        if (length == 0) return;
        Span<byte> page = new byte[length];
        var source = FileOf(region, from, layout);
        for (var read = 0; read < length;)
        {
            var count = source.Read(region.FileOffset + from + read, page[read..]);
            if (count == 0) break; // beyond what was ever written: zeros, as a mapping would show
            read += count;
        }
        own.Write(region.FileOffset + from, page);
    }

    // The file that holds the page at this place of a region.
    private KvFile FileOf(in KvRegion region, long place, KvLayout layout)
    {
        foreach (var segment in Shared)
        {
            if (place < layout.WholePageBytes(region, segment.EndCell)) return segment.File;
        }
        return Own;
    }
}
