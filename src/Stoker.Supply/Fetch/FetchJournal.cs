using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>What a journal says of itself: whose chunks these are. No address and no token; a digest of the address at most.</summary>
public sealed record JournalHeader
{
    /// <summary>Bytes of the blob.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The origin's ETag when the download began, or null.</summary>
    public string? ETag { get; init; }

    /// <summary>The origin's Last-Modified when the download began, or null.</summary>
    public string? LastModified { get; init; }

    /// <summary>The content's SHA-256 as 64 hex digits when it was known, or null.</summary>
    public string? Sha256 { get; init; }
}

/// <summary>A chunk that was on the disk when it was written down.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct JournaledChunk(int Index, ChunkSums Sums);

/// <summary>
/// The form of a journal: records one after the other, each its payload's length (u32) and CRC32C (u32), then the payload. The first
/// holds <see cref="JournalHeader"/> as JSON, the others a chunk's index (u32), CRC32C (u32) and SHA-256 (32). Reading ends without
/// complaint at the first record that is torn, zeroed or wrong: what follows was never promised. Pure.
/// </summary>
public static class FetchJournal
{
    /// <summary>Larger journals are not read: 8 TiB of blob.</summary>
    public const long MaxBytes = (long)ChunkMap.MaxChunks * RecordBytes + MaxHeaderBytes + PrefixBytes;

    private const int PrefixBytes = 8;
    private const int ChunkBytes = 4 + 4 + ChunkHash.SizeBytes;
    private const int RecordBytes = PrefixBytes + ChunkBytes;
    private const int MaxHeaderBytes = 4096;

    public static byte[] Header(JournalHeader header) => Record(JsonSerializer.SerializeToUtf8Bytes(header, JournalJson.Default.JournalHeader));

    public static byte[] Chunks(IReadOnlyCollection<JournaledChunk> chunks)
    {
        var bytes = new byte[chunks.Count * RecordBytes];
        var left = bytes.AsSpan();
        Span<byte> payload = stackalloc byte[ChunkBytes];
        foreach (var chunk in chunks)
        {
            BinaryPrimitives.WriteInt32LittleEndian(payload, chunk.Index);
            BinaryPrimitives.WriteUInt32LittleEndian(payload[4..], chunk.Sums.Crc32C);
            chunk.Sums.Sha256.Write(payload[8..]);
            WriteRecord(left, payload);
            left = left[RecordBytes..];
        }
        return bytes;
    }

    /// <summary>
    /// The header and every chunk that was written whole, the last word on each; null when not even the header is sound.
    /// </summary>
    public static JournalContent? Read(ReadOnlySpan<byte> bytes)
    {
        if (!TryRecord(bytes, MaxHeaderBytes, out var payload)) return null;
        if (ParseHeader(payload) is not { } header) return null;
        var sound = PrefixBytes + payload.Length;
        var count = Chunk.CountOf(header.SizeBytes);
        var chunks = new Dictionary<int, JournaledChunk>();
        while (TryRecord(bytes[sound..], ChunkBytes, out payload) && payload.Length == ChunkBytes)
        {
            var index = BinaryPrimitives.ReadInt32LittleEndian(payload);
            if (index < 0 || index >= count) break;
            chunks[index] = new JournaledChunk(index, new ChunkSums(ChunkHash.Read(payload[8..]), BinaryPrimitives.ReadUInt32LittleEndian(payload[4..])));
            sound += RecordBytes;
        }
        return new JournalContent(header, chunks.Values, sound);
    }

    private static JournalHeader? ParseHeader(ReadOnlySpan<byte> payload)
    {
        try
        {
            var header = JsonSerializer.Deserialize(payload, JournalJson.Default.JournalHeader);
            return header is { SizeBytes: >= 0 } && header.SizeBytes <= Chunk.Offset(ChunkMap.MaxChunks) ? header : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Record(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxHeaderBytes) throw new ArgumentException("The header of a journal is too long.", nameof(payload));
        var bytes = new byte[PrefixBytes + payload.Length];
        WriteRecord(bytes, payload);
        return bytes;
    }

    private static void WriteRecord(Span<byte> target, ReadOnlySpan<byte> payload)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target, payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Crc32C.Of(payload));
        payload.CopyTo(target[PrefixBytes..]);
    }

    // A length of zero is refused: a zeroed tail must not read as a row of sound empty records.
    private static bool TryRecord(ReadOnlySpan<byte> bytes, int maxBytes, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (bytes.Length < PrefixBytes) return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (length <= 0 || length > maxBytes || bytes.Length - PrefixBytes < length) return false;
        payload = bytes.Slice(PrefixBytes, length);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) == Crc32C.Of(payload);
    }
}

/// <summary>What a journal holds.</summary>
/// <param name="Header">Whose chunks these are.</param>
/// <param name="Chunks">Each chunk at most once.</param>
/// <param name="SoundBytes">Up to here the file is sound; what follows is to be cut off before anything is appended.</param>
public sealed record JournalContent(JournalHeader Header, IReadOnlyCollection<JournaledChunk> Chunks, int SoundBytes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 4)]
[JsonSerializable(typeof(JournalHeader))]
internal sealed partial class JournalJson : JsonSerializerContext;
