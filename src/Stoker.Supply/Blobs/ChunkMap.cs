using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>
/// The sums of every chunk of a blob whose digest was verified. Immutable. As bytes (version 1, little-endian): "STKRMAP1", chunk
/// size (u32), chunk count (u32), blob size (u64), SHA-256 of the blob (32), then SHA-256 (32) and CRC32C (u32) of each chunk, then
/// CRC32C (u32) of all that.
/// </summary>
public sealed class ChunkMap
{
    private const int HeaderBytes = 8 + 4 + 4 + 8 + 32;
    private const int EntryBytes = ChunkHash.SizeBytes + 4;
    private const int TrailerBytes = 4;

    /// <summary>8 TiB of blob; no map that is read or written has more.</summary>
    public const int MaxChunks = 1 << 20;

    private readonly ChunkSums[] _chunks;

    public ChunkMap(Digest digest, long sizeBytes, IReadOnlyList<ChunkSums> chunks)
    {
        if (chunks.Count != Chunk.CountOf(sizeBytes)) throw new ArgumentException($"A blob of {sizeBytes} bytes has {Chunk.CountOf(sizeBytes)} chunks, not {chunks.Count}.", nameof(chunks));
        Digest = digest;
        SizeBytes = sizeBytes;
        _chunks = [.. chunks];
    }

    public Digest Digest { get; }

    public long SizeBytes { get; }

    public IReadOnlyList<ChunkSums> Chunks => _chunks;

    public byte[] ToBytes()
    {
        var bytes = new byte[HeaderBytes + (_chunks.Length * EntryBytes) + TrailerBytes];
        var left = bytes.AsSpan();
        Magic.CopyTo(left);
        BinaryPrimitives.WriteUInt32LittleEndian(left[8..], Chunk.SizeBytes);
        BinaryPrimitives.WriteInt32LittleEndian(left[12..], _chunks.Length);
        BinaryPrimitives.WriteInt64LittleEndian(left[16..], SizeBytes);
        Convert.FromHexString(Digest.Hex).CopyTo(left[24..]);
        left = left[HeaderBytes..];
        foreach (var chunk in _chunks)
        {
            chunk.Sha256.Write(left);
            BinaryPrimitives.WriteUInt32LittleEndian(left[ChunkHash.SizeBytes..], chunk.Crc32C);
            left = left[EntryBytes..];
        }
        BinaryPrimitives.WriteUInt32LittleEndian(left, Crc32C.Of(bytes.AsSpan(0, bytes.Length - TrailerBytes)));
        return bytes;
    }

    /// <summary>False with a reason for anything but exactly one map of this version.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out ChunkMap? map, out string reason)
    {
        map = null;
        reason = WhyNot(bytes);
        if (reason.Length > 0) return false;
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        var chunks = new ChunkSums[count];
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.Slice(HeaderBytes + (i * EntryBytes), EntryBytes);
            chunks[i] = new ChunkSums(ChunkHash.Read(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[ChunkHash.SizeBytes..]));
        }
        map = new ChunkMap(Digest.FromBytes(bytes.Slice(24, 32)), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), chunks);
        return true;
    }

    private static ReadOnlySpan<byte> Magic => "STKRMAP1"u8;

    private static string WhyNot(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes + TrailerBytes) return "it is too short";
        if (!bytes.StartsWith(Magic)) return "it is not a chunk map of version 1";
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Chunk.SizeBytes) return "its chunks have another size";
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        var size = BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]);
        if (count is < 0 or > MaxChunks || size < 0 || size > Chunk.Offset(MaxChunks) || Chunk.CountOf(size) != count) return "its size and its chunk count do not agree";
        if (bytes.Length != HeaderBytes + (count * EntryBytes) + TrailerBytes) return "it is torn";
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[^TrailerBytes..]) == Crc32C.Of(bytes[..^TrailerBytes]) ? "" : "its own sum is wrong";
    }
}
