namespace Stoker.Engine.Sessions;

/// <summary>
/// Takes a chain back to fewer cells, or makes another of its first ones, so that what is written next overwrites nothing that others
/// read. A chain of many files has two neighbours made one, if that is cheap: each file costs mappings in every region.
/// </summary>
public static class ChainCut
{
    /// <summary>Shared files of one chain; with more, two are made one.</summary>
    public const int MaxShared = 8;

    /// <summary>So many are borne where making one of two is not cheap.</summary>
    public const int MostShared = 32;

    /// <summary>What may be copied while decoding waits: a few hundredths of a second.</summary>
    public const long CheapBytes = 64 << 20;

    /// <summary>
    /// The chain to go on with. The same one, if its own file may simply be overwritten from here; else a new one, to be mapped
    /// (and the old one disposed of) by the caller: its own file is shared with a fork, or the cut lies in a shared file.
    /// </summary>
    /// <param name="cells">Cells that stay; at most those that were written.</param>
    /// <param name="create">Makes an empty file, if one is needed.</param>
    public static KvChain Back(KvChain chain, KvLayout layout, int cells, Func<KvFile> create) =>
        chain.Own.IsShared ? Fork(chain, layout, cells, create)
        : cells >= chain.FirstOwnCell ? chain
        : chain.Fork(cells, chain.Own.Share(), layout);

    /// <summary>A child as <see cref="KvChain.Fork"/> makes it, of a bounded number of files.</summary>
    /// <param name="create">Makes an empty file.</param>
    public static KvChain Fork(KvChain chain, KvLayout layout, int cells, Func<KvFile> create) => Bounded(chain.Fork(cells, create(), layout), layout, create);

    /// <summary>The same cells in fewer files, where there are too many: the chain itself, or another that takes its place.</summary>
    internal static KvChain Bounded(KvChain chain, KvLayout layout, Func<KvFile> create)
    {
        if (Pair([.. chain.Shared.Select(static segment => segment.EndCell)], layout.CellBytes) is not { } first) return chain;
        KvFile? merged = null;
        try
        {
            merged = create();
            ChainCells.CopyTo(chain, layout, first == 0 ? 0 : chain.Shared[first - 1].EndCell, chain.Shared[first + 1].EndCell, merged);
        }
        catch
        {
            merged?.Dispose();
            chain.Dispose();
            throw;
        }
        List<KvSegment> shared = [.. chain.Shared.Take(first), new KvSegment(merged, chain.Shared[first + 1].EndCell), .. chain.Shared.Skip(first + 2)];
        chain.Shared[first].File.Dispose();
        chain.Shared[first + 1].File.Dispose();
        return new KvChain(shared, chain.Own);
    }

    /// <summary>
    /// The first of the two neighbours to make one: those with the fewest cells, so that nobody waits for long. Null: they are few
    /// enough, or it would take too long and they are not yet too many. Pure.
    /// </summary>
    /// <param name="ends">Where each shared file ends.</param>
    public static int? Pair(IReadOnlyList<int> ends, long cellBytes)
    {
        if (ends.Count <= MaxShared) return null;
        int Cells(int first) => ends[first + 1] - (first == 0 ? 0 : ends[first - 1]);
        var least = Enumerable.Range(0, ends.Count - 1).MinBy(Cells);
        return ends.Count > MostShared || Cells(least) * cellBytes <= CheapBytes ? least : null;
    }
}
