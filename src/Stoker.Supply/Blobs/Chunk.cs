using Stoker.Core.Errors;

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

    /// <summary>No blob has more: 8 TiB. Who says otherwise would have us make room for it.</summary>
    public const long MaxBlobBytes = (long)ChunkMap.MaxChunks * SizeBytes;

    /// <summary>Refuses a size that somebody else announced, before anything is made for it.</summary>
    /// <exception cref="StokerException">TooLarge.</exception>
    public static void CheckSize(long? blobBytes, string what)
    {
        if (blobBytes > MaxBlobBytes)
            throw new StokerException(ErrorKind.TooLarge, $"{Printable.Short(what, 200)} is said to have {blobBytes:N0} bytes; more than {MaxBlobBytes:N0} are not fetched.");
    }

    public static long Offset(int index) => (long)index * SizeBytes;

    public static int LengthOf(int index, long blobBytes) => (int)Math.Min(SizeBytes, blobBytes - Offset(index));
}

/// <summary>The two sums of a chunk: SHA-256 (against people: origin, peers) and CRC32C (against accidents: local copies, scrubs).</summary>
public readonly record struct ChunkSums(ChunkHash Sha256, uint Crc32C);
