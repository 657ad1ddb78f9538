using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary><c>maps/sha256/ab/abcd….chunks</c>: the chunk map of any blob we know, wherever its copies lie. Thread-safe.</summary>
public sealed class ChunkMapStore(string home)
{
    private const long MaxBytes = 64L << 20; // a map of ChunkMap.MaxChunks entries has 36 MiB

    private readonly string _root = Path.Combine(home, "maps", "sha256");

    /// <summary>Null when there is none, or none that is sound and of this blob.</summary>
    public ChunkMap? Read(Digest digest)
    {
        try
        {
            using var stream = new FileStream(PathOf(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (stream.Length > MaxBytes) return null;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return ChunkMap.TryParse(bytes, out var map, out _) && map.Digest == digest ? map : null;
        }
        catch (Exception unreadable) when (DiskErrors.IsDiskError(unreadable))
        {
            return null;
        }
    }

    /// <exception cref="StokerException">OutOfSpace, Io.</exception>
    public void Write(ChunkMap map)
    {
        var path = PathOf(map.Digest);
        try
        {
            DurableFile.Replace(path, map.ToBytes());
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "A chunk map could not be written", path);
        }
    }

    private string PathOf(Digest digest) => Path.Combine(_root, digest.Hex[..2], digest.Hex + ".chunks");
}
