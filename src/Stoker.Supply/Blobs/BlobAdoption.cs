using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Models;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// Takes a file of somebody else's into the store without changing it: a reflink, else a hard link, else a copy. Its bytes are
/// verified under the name that it will not lose, before they get the digest's.
/// </summary>
internal static class BlobAdoption
{
    private const int BlockBytes = 1 << 20;

    /// <returns>How it came, or null: it is not what it should be, or cannot be read.</returns>
    internal static (Digest Digest, ExportWay Way)? Take(BlobStore store, string path, string temporary, Digest? digest, string? gitSha1, Action<long> report, CancellationToken cancellationToken)
    {
        try
        {
            if (FileStamp.TryRead(path) is not { IsRegularFile: true }) return null;
            DurableFile.CreateFolder(Path.GetDirectoryName(temporary)!);
            // Links are followed first: a link to a link would be one to somebody's name, not to the content.
            var source = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            var way = TryReflink(source, temporary) ? ExportWay.Reflink : Files.TryHardLink(source, temporary) ? ExportWay.HardLink : ExportWay.Copy;
            if (way == ExportWay.Copy) Copy(source, temporary, cancellationToken);
            if (FileStamp.TryRead(temporary) is not { } before) return null;
            var (actual, git, sums) = Sum(temporary, report, cancellationToken);
            var isRight = digest is { } expected ? actual == expected : git == gitSha1;
            if (!isRight || FileStamp.TryRead(temporary) is not { } after || after != before) return null;
            store.WriteMap(new ChunkMap(actual, before.SizeBytes, sums));
            return (actual, way);
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused) || refused is LibcException)
        {
            return null; // whatever it was, the file can still be fetched
        }
    }

    private static bool TryReflink(string source, string target)
    {
        using var from = File.OpenHandle(source);
        using (var to = File.OpenHandle(target, FileMode.CreateNew, FileAccess.Write))
        {
            if (Files.TryReflink(from, to)) return true;
        }
        File.Delete(target);
        return false;
    }

    private static void Copy(string source, string target, CancellationToken cancellationToken)
    {
        using var from = File.OpenHandle(source, options: FileOptions.SequentialScan);
        using var to = File.OpenHandle(target, FileMode.CreateNew, FileAccess.Write);
        Files.Allocate(to, target, RandomAccess.GetLength(from));
        var block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        long offset = 0;
        for (int read; (read = RandomAccess.Read(from, block, offset)) > 0; offset += read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RandomAccess.Write(to, block.AsSpan(0, read), offset);
        }
    }

    private static (Digest Digest, string GitSha1, ChunkSums[] Sums) Sum(string path, Action<long> report, CancellationToken cancellationToken)
    {
        using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var size = RandomAccess.GetLength(handle);
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var part = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        git.AppendData(Encoding.ASCII.GetBytes($"blob {size}\0"));
        var sums = new ChunkSums[Chunk.CountOf(size)];
        var block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        var isSmall = size <= 64 << 20; // git's names are for small files
        long offset = 0;
        for (var chunk = 0; chunk < sums.Length; chunk++)
        {
            uint crc = 0;
            for (var end = offset + Chunk.LengthOf(chunk, size); offset < end;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var read = RandomAccess.Read(handle, block.AsSpan(0, (int)Math.Min(BlockBytes, end - offset)), offset);
                if (read == 0) throw new IOException("The file got shorter while it was read.");
                whole.AppendData(block, 0, read);
                part.AppendData(block, 0, read);
                if (isSmall) git.AppendData(block, 0, read);
                crc = Crc32C.Append(crc, block.AsSpan(0, read));
                offset += read;
            }
            sums[chunk] = new ChunkSums(ChunkHash.Read(part.GetHashAndReset()), crc);
            report(offset);
        }
        return (Digest.FromBytes(whole.GetHashAndReset()), isSmall ? Convert.ToHexStringLower(git.GetHashAndReset()) : "", sums);
    }
}
