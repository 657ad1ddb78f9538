using System.Runtime.InteropServices;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>A run of whole chunks, <see cref="First"/> up to but not including <see cref="End"/>.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ChunkRange(int First, int End)
{
    public int Count => End - First;

    public long OffsetBytes => Chunk.Offset(First);

    /// <summary>Where it ends in a blob of this size, exclusive.</summary>
    public long EndBytes(long blobBytes) => Math.Min(Chunk.Offset(End), blobBytes);
}
