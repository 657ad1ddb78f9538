using Stoker.Supply.Blobs;

namespace Stoker.Engine.Sessions;

/// <summary>
/// CRC-32C of cells in blocks of 256: the sum of a block covers its cells' rows, region after region. The last block may be
/// shorter. A snapshot holds the sums of exactly its cells, and each snapshot reads only the blocks that are new since the one
/// before: what a conversation never reads again is not read again for its sums either.
/// </summary>
internal static class CellSums
{
    internal const int BlockCells = 256;

    internal static int Blocks(int cells) => (cells + BlockCells - 1) / BlockCells;

    /// <summary>The sums of <paramref name="cells"/> cells, when those of the first <paramref name="knownCells"/> are known.</summary>
    internal static uint[] Update(KvChain chain, KvLayout layout, IReadOnlyList<uint> known, int knownCells, int cells)
    {
        var sums = new uint[Blocks(cells)];
        var same = knownCells == cells ? sums.Length : Math.Min(knownCells, cells) / BlockCells;
        for (var block = 0; block < same; block++) sums[block] = known[block];
        var buffer = same == sums.Length ? [] : new byte[ChainCells.PieceBytes];
        for (var block = same; block < sums.Length; block++) sums[block] = OfBlock(chain, layout, block, cells, buffer);
        return sums;
    }

    /// <summary>Whether each block from <paramref name="fromCell"/>'s on is what was summed, as they are read.</summary>
    internal static IEnumerable<(int Block, bool IsRight)> Check(KvChain chain, KvLayout layout, IReadOnlyList<uint> sums, int fromCell, int cells, CancellationToken cancellationToken)
    {
        var buffer = new byte[ChainCells.PieceBytes];
        for (var block = fromCell / BlockCells; block < Blocks(cells); block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return (block, OfBlock(chain, layout, block, cells, buffer) == sums[block]);
        }
    }

    private static uint OfBlock(KvChain chain, KvLayout layout, int block, int cells, byte[] buffer)
    {
        var sum = 0u;
        var from = block * BlockCells;
        ChainCells.ForEachPiece(chain, layout, from, Math.Min(from + BlockCells, cells), buffer, (_, _, bytes) => sum = Crc32C.Append(sum, bytes.Span));
        return sum;
    }
}
