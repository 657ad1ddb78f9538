using System.Security.Cryptography;
using Stoker.Native.Libc;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Takes single chunks from copies on this machine, which may be damaged, cut or of something else: a chunk counts when its bytes,
/// as they were read, have the map's sum. The copies stay as they are.
/// </summary>
internal static class LocalChunks
{
    /// <param name="map">What each chunk must be.</param>
    /// <param name="wanted">Which are needed.</param>
    /// <param name="copies">Where they may be; likely ones first.</param>
    /// <param name="take">Given each sound chunk and its bytes, which are valid during the call alone.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The places that gave any.</returns>
    internal static IReadOnlyList<string> Take(ChunkMap map, IEnumerable<int> wanted, IEnumerable<LocalCopy> copies, Action<int, ReadOnlySpan<byte>> take, CancellationToken cancellationToken)
    {
        var missing = wanted.ToList();
        var givers = new List<string>();
        var buffer = GC.AllocateUninitializedArray<byte>(Chunk.SizeBytes);
        foreach (var copy in copies)
        {
            if (missing.Count == 0) break;
            using var handle = TryOpen(copy.Path);
            if (handle is not null && missing.RemoveAll(chunk => TryTake(handle, chunk)) > 0) givers.Add(copy.Place);
        }
        return givers;

        bool TryTake(Microsoft.Win32.SafeHandles.SafeFileHandle handle, int chunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var bytes = buffer.AsSpan(0, Chunk.LengthOf(chunk, map.SizeBytes));
            if (!TryRead(handle, Chunk.Offset(chunk), bytes) || ChunkHash.Read(SHA256.HashData(bytes)) != map.Chunks[chunk].Sha256) return false;
            take(chunk, bytes);
            return true;
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle? TryOpen(string path)
    {
        try
        {
            // Opening a pipe would wait for somebody to write.
            var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            return FileStamp.TryRead(target) is { IsRegularFile: true } ? File.OpenHandle(target) : null;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused) || refused is LibcException)
        {
            return null; // whatever it was, the chunks can still be fetched
        }
    }

    private static bool TryRead(Microsoft.Win32.SafeHandles.SafeFileHandle handle, long offset, Span<byte> bytes)
    {
        try
        {
            for (var filled = 0; filled < bytes.Length;)
            {
                var read = RandomAccess.Read(handle, bytes[filled..], offset + filled);
                if (read == 0) return false;
                filled += read;
            }
            return true;
        }
        catch (Exception unreadable) when (DiskErrors.IsDiskError(unreadable))
        {
            return false;
        }
    }
}
