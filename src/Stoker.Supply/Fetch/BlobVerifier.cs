using System.Security.Cryptography;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>What a look at every byte of a stored file gave.</summary>
/// <param name="Digest">Its name.</param>
/// <param name="Path">Where it lies.</param>
/// <param name="IsSound">Every byte is as it was.</param>
/// <param name="BadChunks">Which chunks are not, when the chunk map tells; else empty.</param>
/// <param name="Sums">Of the chunks as they are now.</param>
public sealed record VerifiedBlob(Digest Digest, string Path, bool IsSound, IReadOnlyList<int> BadChunks, IReadOnlyList<ChunkSums> Sums)
{
    public long SizeBytes { get; init; }
}

/// <summary>Reads a stored file and says whether, and where, it differs from what was verified. Changes nothing.</summary>
public static class BlobVerifier
{
    private const int BlockBytes = 256 * 1024;

    /// <param name="path">The file.</param>
    /// <param name="digest">What it should be.</param>
    /// <param name="map">Its chunks' sums, or null.</param>
    /// <param name="report">Told of the bytes read so far.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="StokerException">Io, NotFound.</exception>
    public static VerifiedBlob Verify(string path, Digest digest, ChunkMap? map, Action<long> report, CancellationToken cancellationToken)
    {
        try
        {
            using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
            using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var size = RandomAccess.GetLength(handle);
            var sums = new ChunkSums[Chunk.CountOf(size)];
            var block = GC.AllocateUninitializedArray<byte>(BlockBytes);
            for (var chunk = 0; chunk < sums.Length; chunk++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                sums[chunk] = SumOf(handle, chunk, size, whole, block);
                report(Chunk.Offset(chunk) + Chunk.LengthOf(chunk, size));
            }
            var isSound = Digest.FromBytes(whole.GetHashAndReset()) == digest;
            return new VerifiedBlob(digest, path, isSound, isSound || map is null ? [] : Differences(sums, size, map), sums) { SizeBytes = size };
        }
        catch (FileNotFoundException)
        {
            throw new StokerException(ErrorKind.NotFound, $"{path} is missing.");
        }
        catch (Exception unreadable) when (DiskErrors.IsDiskError(unreadable))
        {
            throw DiskErrors.Wrap(unreadable, "A stored file could not be read", path);
        }
    }

    private static ChunkSums SumOf(Microsoft.Win32.SafeHandles.SafeFileHandle handle, int chunk, long size, IncrementalHash whole, byte[] block)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        uint crc = 0;
        var end = Chunk.Offset(chunk) + Chunk.LengthOf(chunk, size);
        for (var offset = Chunk.Offset(chunk); offset < end;)
        {
            var read = RandomAccess.Read(handle, block.AsSpan(0, (int)Math.Min(BlockBytes, end - offset)), offset);
            if (read == 0) throw new IOException("The file got shorter while it was read.");
            hash.AppendData(block, 0, read);
            whole.AppendData(block, 0, read);
            crc = Crc32C.Append(crc, block.AsSpan(0, read));
            offset += read;
        }
        return new ChunkSums(ChunkHash.Read(hash.GetHashAndReset()), crc);
    }

    // A file of another length is compared chunk by chunk all the same: what is beyond the shorter one is bad.
    private static List<int> Differences(ChunkSums[] now, long size, ChunkMap map)
    {
        var bad = new List<int>();
        for (var chunk = 0; chunk < map.Chunks.Count; chunk++)
        {
            var whole = Chunk.Offset(chunk) + Chunk.LengthOf(chunk, map.SizeBytes) <= size;
            if (!whole || chunk >= now.Length || now[chunk].Sha256 != map.Chunks[chunk].Sha256) bad.Add(chunk);
        }
        return bad;
    }
}
