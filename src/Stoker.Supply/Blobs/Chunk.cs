namespace Stoker.Supply.Blobs;

/// <summary>The unit of verification, wherever a blob is: 8 MiB (version 1 of the chunk map). The last chunk of a blob may be shorter.</summary>
public static class Chunk
{
    public const int SizeBytes = 8 << 20;

    /// <summary>How many chunks a blob has; none for an empty one.</summary>
    public static int CountOf(long blobBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blobBytes);
        return checked((int)((blobBytes + SizeBytes - 1) / SizeBytes));
    }

    public static long Offset(int index) => (long)index * SizeBytes;

    public static int LengthOf(int index, long blobBytes) => (int)Math.Min(SizeBytes, blobBytes - Offset(index));
}

/// <summary>The two sums of a chunk: SHA-256 (against people: origin, peers) and CRC32C (against accidents: local copies, scrubs).</summary>
public readonly record struct ChunkSums(ChunkHash Sha256, uint Crc32C);
