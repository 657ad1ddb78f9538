using Stoker.Core.Errors;
using Stoker.Native.Libc;
using Stoker.Supply.Blobs;

namespace Stoker.Engine.Sessions;

/// <summary>Some rows of one region, at most <see cref="ChainCells.PieceBytes"/>, as an archive has them one after the other.</summary>
/// <param name="Block">The block of cells that they belong to.</param>
/// <param name="Place">Where they begin within the region, in bytes.</param>
internal readonly record struct ArchivePiece(int Block, KvRegion Region, long Place, int Length)
{
    /// <summary>All rows of these cells: block after block, within a block region after region.</summary>
    internal static IEnumerable<ArchivePiece> Of(KvLayout layout, int cells)
    {
        for (var block = 0; block < CellSums.Blocks(cells); block++)
        {
            var last = Math.Min((block + 1) * CellSums.BlockCells, cells);
            foreach (var region in layout.Regions)
            {
                var end = (long)last * region.RowBytes;
                for (var place = (long)block * CellSums.BlockCells * region.RowBytes; place < end; place += ChainCells.PieceBytes)
                    yield return new ArchivePiece(block, region, place, (int)Math.Min(ChainCells.PieceBytes, end - place));
            }
        }
    }
}

/// <summary>Reads an archive from wherever it comes; what is missing or too much is an error, and memory does not grow with it.</summary>
internal sealed class ArchiveInput(Stream source, string subject)
{
    private readonly byte[] _buffer = new byte[ChainCells.PieceBytes];

    internal async Task<byte[]> ReadAsync(int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        await FillAsync(bytes, cancellationToken);
        return bytes;
    }

    internal async Task CopyToFileAsync(string path, long length, CancellationToken cancellationToken)
    {
        using var file = SessionErrors.OnDisk(subject, path, () => Files.OpenForUpdate(path, create: true));
        for (var place = 0L; place < length;)
        {
            var piece = _buffer.AsMemory(0, (int)Math.Min(_buffer.Length, length - place));
            await FillAsync(piece, cancellationToken);
            var at = place;
            SessionErrors.OnDisk(subject, path, () => RandomAccess.Write(file, piece.Span, at));
            place += piece.Length;
        }
    }

    /// <summary>Writes the cells to their places, and compares each block with its sum.</summary>
    internal async Task ReadCellsAsync(KvFile file, KvLayout layout, SessionRecord record, CancellationToken cancellationToken)
    {
        var cells = record.Head.Cells;
        var (block, sum) = (-1, 0u);
        foreach (var rows in ArchivePiece.Of(layout, cells))
        {
            if (rows.Block != block)
            {
                Expect(record, block, sum);
                (block, sum) = (rows.Block, 0u);
                // As the bytes come: what an archive only claims to hold takes no space.
                file.Reserve(layout, block * CellSums.BlockCells, Math.Min((block + 1) * CellSums.BlockCells, cells));
            }
            var bytes = _buffer.AsMemory(0, rows.Length);
            await FillAsync(bytes, cancellationToken);
            sum = Crc32C.Append(sum, bytes.Span);
            SessionErrors.OnDisk(subject, file.Name, () => RandomAccess.Write(file.Handle, bytes.Span, rows.Region.FileOffset + rows.Place));
        }
        Expect(record, block, sum);
    }

    internal async Task ExpectEndAsync(CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(_buffer.AsMemory(0, 1), cancellationToken) != 0) throw Damaged("it goes on after its end");
    }

    internal StokerException Damaged(string reason) => new(ErrorKind.Corrupt, $"{subject} is damaged: {reason}. Export the session again.");

    private void Expect(SessionRecord record, int block, uint sum)
    {
        if (block >= 0 && record.Sums[block] != sum) throw Damaged($"cells from {block * CellSums.BlockCells} on are not what was exported");
    }

    private async Task FillAsync(Memory<byte> bytes, CancellationToken cancellationToken)
    {
        if (await source.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken) < bytes.Length) throw Damaged("it ends too early");
    }
}
