namespace Stoker.Engine.Sessions;

/// <summary>One kind of row of a cell: a layer's keys or values.</summary>
/// <param name="Name">llama.cpp's name of the tensor, with a number before it where a model has several caches.</param>
/// <param name="RowBytes">Bytes of one cell.</param>
/// <param name="FileOffset">Where cell 0 lies in a KV file, in bytes; a multiple of the page size.</param>
public readonly record struct KvRegion(string Name, int RowBytes, long FileOffset);

/// <summary>
/// Where the cells of a conversation lie in its file. Regions keep a fixed distance, so that a file depends neither on the number
/// of slots nor on the size of the context; the holes between them take no space. Immutable; compared by value.
/// </summary>
public sealed class KvLayout : IEquatable<KvLayout>
{
    /// <summary>Cells that every region has room for: the largest context that a file can hold.</summary>
    public const int MaxCells = 1 << 20;

    public KvLayout(int pageSizeBytes, IReadOnlyList<KvRegion> regions)
    {
        PageSizeBytes = pageSizeBytes;
        Regions = regions;
    }

    public int PageSizeBytes { get; }

    /// <summary>In the order in which llama.cpp writes them: keys by layer, then values by layer, cache after cache.</summary>
    public IReadOnlyList<KvRegion> Regions { get; }

    /// <summary>Length of a KV file.</summary>
    public long FileBytes => Regions.Count == 0 ? 0 : Regions[^1].FileOffset + StrideOf(Regions[^1].RowBytes, PageSizeBytes);

    /// <summary>Bytes that the rows of one cell take in all regions.</summary>
    public long CellBytes => Regions.Sum(static region => (long)region.RowBytes);

    /// <summary>The layout of these rows.</summary>
    public static KvLayout Of(int pageSizeBytes, IEnumerable<(string Name, int RowBytes)> rows)
    {
        var regions = new List<KvRegion>();
        var offset = 0L;
        foreach (var (name, rowBytes) in rows)
        {
            regions.Add(new KvRegion(name, rowBytes, offset));
            offset = checked(offset + StrideOf(rowBytes, pageSizeBytes));
        }
        return new KvLayout(pageSizeBytes, regions);
    }

    /// <summary>Bytes of a file that belong to a region.</summary>
    public long RegionBytes(in KvRegion region) => StrideOf(region.RowBytes, PageSizeBytes);

    /// <summary>Bytes below a cell that fill whole pages: where one file ends and the next begins when a chain is cut there.</summary>
    public long WholePageBytes(in KvRegion region, int cells) => (long)cells * region.RowBytes / PageSizeBytes * PageSizeBytes;

    public bool Equals(KvLayout? other) => other is not null && PageSizeBytes == other.PageSizeBytes && Regions.SequenceEqual(other.Regions);

    public override bool Equals(object? obj) => Equals(obj as KvLayout);

    public override int GetHashCode() => HashCode.Combine(PageSizeBytes, Regions.Count, FileBytes);

    private static long StrideOf(int rowBytes, int pageSizeBytes) => (((long)rowBytes * MaxCells) + pageSizeBytes - 1) / pageSizeBytes * pageSizeBytes;
}
