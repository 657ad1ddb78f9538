using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>What an earlier, interrupted download left that can be built upon.</summary>
internal sealed record ResumePoint(JournalContent Journal, bool[] Done, ChunkSums[] Sums)
{
    private const int BlockBytes = 256 * 1024;

    internal JournalHeader Header => Journal.Header;

    /// <summary>
    /// Reads the journal and checks every chunk in it by CRC32C. Null: nothing, or nothing of this file. A chunk that is not on the
    /// disk as it was written down (torn, zeroed) is simply not done.
    /// </summary>
    internal static ResumePoint? Read(IPartialContent journal, IPartialContent content, ManifestFile file, CancellationToken cancellationToken)
    {
        if (JournalFile.Read(journal) is not { } read) return null;
        var header = read.Header;
        if (file.SizeBytes is { } size && size != header.SizeBytes) return null;
        if (file.Digest is { } digest && header.Sha256 is { } journaled && journaled != digest.Hex) return null;
        if (content.LengthBytes != header.SizeBytes) return null;
        var count = Chunk.CountOf(header.SizeBytes);
        var done = new bool[count];
        var sums = new ChunkSums[count];
        var block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        foreach (var chunk in read.Chunks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (SumOf(content, chunk.Index, header.SizeBytes, block) != chunk.Sums.Crc32C) continue;
            done[chunk.Index] = true;
            sums[chunk.Index] = chunk.Sums;
        }
        return new ResumePoint(read, done, sums);
    }

    private static uint? SumOf(IPartialContent content, int chunk, long sizeBytes, byte[] block)
    {
        uint crc = 0;
        var end = Chunk.Offset(chunk) + Chunk.LengthOf(chunk, sizeBytes);
        for (var offset = Chunk.Offset(chunk); offset < end;)
        {
            var wanted = (int)Math.Min(BlockBytes, end - offset);
            if (content.Read(block.AsSpan(0, wanted), offset) != wanted) return null;
            crc = Crc32C.Append(crc, block.AsSpan(0, wanted));
            offset += wanted;
        }
        return crc;
    }
}
