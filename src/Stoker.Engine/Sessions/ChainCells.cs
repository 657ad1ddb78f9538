namespace Stoker.Engine.Sessions;

/// <summary>Reads and copies the cells of a chain through its files, without mapping them.</summary>
public static class ChainCells
{
    /// <summary>Bytes read at once.</summary>
    internal const int PieceBytes = 1 << 20;

    /// <summary>
    /// Reads bytes of one region, wherever in the chain they lie; what was never written reads as zeros, as a mapping shows it.
    /// </summary>
    /// <param name="place">Where they begin within the region.</param>
    public static void Read(KvChain chain, KvLayout layout, in KvRegion region, long place, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var (file, end) = Holder(chain, layout, region, place);
            var piece = bytes[..(int)Math.Min(bytes.Length, end - place)];
            for (var read = 0; read < piece.Length;)
            {
                var count = RandomAccess.Read(file.Handle, piece[read..], region.FileOffset + place + read);
                if (count == 0)
                {
                    piece[read..].Clear();
                    break;
                }
                read += count;
            }
            place += piece.Length;
            bytes = bytes[piece.Length..];
        }
    }

    /// <summary>Hands out the rows of cells, region after region, in pieces.</summary>
    internal static void ForEachPiece(KvChain chain, KvLayout layout, int fromCell, int toCell, byte[] buffer, Action<KvRegion, long, ReadOnlyMemory<byte>> take)
    {
        foreach (var region in layout.Regions) ForEachPiece(chain, layout, region, (long)fromCell * region.RowBytes, toCell, buffer, take);
    }

    /// <summary>Writes cells of a chain into a file that is to stand for its segments up to there: from the begin of the page of the first one on, as <see cref="KvChain"/> has it.</summary>
    internal static void CopyTo(KvChain chain, KvLayout layout, int fromCell, int toCell, KvFile target)
    {
        target.Reserve(layout, fromCell, toCell);
        var buffer = new byte[PieceBytes];
        foreach (var region in layout.Regions)
        {
            ForEachPiece(chain, layout, region, layout.WholePageBytes(region, fromCell), toCell, buffer, (_, place, bytes) => target.Write(region.FileOffset + place, bytes.Span));
        }
    }

    private static void ForEachPiece(KvChain chain, KvLayout layout, KvRegion region, long place, int toCell, byte[] buffer, Action<KvRegion, long, ReadOnlyMemory<byte>> take)
    {
        for (var end = (long)toCell * region.RowBytes; place < end;)
        {
            var length = (int)Math.Min(buffer.Length, end - place);
            Read(chain, layout, region, place, buffer.AsSpan(0, length));
            take(region, place, buffer.AsMemory(0, length));
            place += length;
        }
    }

    // Whole pages below a segment's end belong to it; see KvChain.
    private static (KvFile File, long End) Holder(KvChain chain, KvLayout layout, in KvRegion region, long place)
    {
        foreach (var segment in chain.Shared)
        {
            var end = layout.WholePageBytes(region, segment.EndCell);
            if (place < end) return (segment.File, end);
        }
        return (chain.Own, long.MaxValue);
    }
}
