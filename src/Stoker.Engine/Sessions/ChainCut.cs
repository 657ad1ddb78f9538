namespace Stoker.Engine.Sessions;

/// <summary>Takes a chain back to fewer cells, so that what is written next overwrites nothing that others read.</summary>
public static class ChainCut
{
    /// <summary>Shared files of one chain; with more, its cells are copied into a file of their own (each costs mappings in every region).</summary>
    public const int MaxShared = 8;

    /// <summary>
    /// The chain to go on with. The same one, if its own file may simply be overwritten from here; else a new one, to be mapped
    /// (and the old one disposed of) by the caller: its own file is shared with a fork, or the cut lies in a shared file.
    /// </summary>
    /// <param name="cells">Cells that stay; at most those that were written.</param>
    /// <param name="createOwn">Makes an empty file, if one is needed.</param>
    public static KvChain Back(KvChain chain, KvLayout layout, int cells, Func<KvFile> createOwn)
    {
        if (!chain.Own.IsShared)
            return cells >= chain.FirstOwnCell ? chain : chain.Fork(cells, chain.Own.Share(), layout);
        if (chain.Shared.Count < MaxShared || cells <= chain.Shared[MaxShared - 1].EndCell) return chain.Fork(cells, createOwn(), layout);

        var own = createOwn();
        try
        {
            ChainCells.CopyTo(chain, layout, cells, own, CancellationToken.None);
            return new KvChain([], own);
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }
}
