using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Stoker.Engine.Protocol;
using Stoker.Native.Libc;
using Stoker.Supply.Blobs;

namespace Stoker.Engine.Sessions;

/// <summary>
/// The bytes of a snapshot, little-endian: a fixed header (magic, version, lengths of the six parts, CRC-32C of header and head),
/// then head (JSON), messages (JSON), tokens (i32 each), states (earlier ones first, as the head lists them), sampler state, sums
/// (u32 each), then the CRC-32C of everything.
/// The reader believes a length only when all of them add up to the length of the file.
/// </summary>
internal static class SnapshotFile
{
    internal const int Version = 2;

    /// <summary>Had no earlier states, and is else the same.</summary>
    private const int OldestVersion = 1;

    private const ulong Magic = 0x50414E534B4F5453; // "STOKSNAP"
    private const int HeaderBytes = 8 + 4 + (6 * 8) + 4;
    /// <summary>Regions, and an answer's grammar (256 Ki characters at most, each up to six bytes of JSON).</summary>
    private const int MaxHeadBytes = 4 << 20;

    private const int MaxSamplerBytes = 1 << 20;
    private const int MaxMessageBytes = 256 << 20;

    private readonly record struct Parts(long Head, long Messages, long Tokens, long State, long Sampler, long Sums)
    {
        internal long FileBytes => HeaderBytes + Head + Messages + Tokens + State + Sampler + Sums + 4;

        internal bool AreSane(long fileBytes) =>
            Head is > 0 and <= MaxHeadBytes && Messages is > 0 and <= MaxMessageBytes
            && Tokens is >= 0 and <= 4L * KvLayout.MaxCells && Tokens % 4 == 0
            && State >= 0 && State <= Array.MaxLength && Sampler is >= 0 and <= MaxSamplerBytes
            && Sums is >= 0 and <= 4L * KvLayout.MaxCells && Sums % 4 == 0
            && FileBytes == fileBytes;
    }

    internal static void Write(Stream stream, SessionRecord record)
    {
        var head = JsonSerializer.SerializeToUtf8Bytes(record.Head, SessionJson.Default.SnapshotHead);
        var messages = JsonSerializer.SerializeToUtf8Bytes(record.Snapshot.Messages, SessionJson.Default.IReadOnlyListChatMessage);
        var tokens = record.Snapshot.Tokens.ToArray();
        var sums = record.Sums.ToArray();
        var header = new byte[HeaderBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        long[] lengths = [head.Length, messages.Length, 4L * tokens.Length, StatesBytes(record.Snapshot), record.Snapshot.SamplerState.Length, 4L * sums.Length];
        for (var i = 0; i < lengths.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12 + (8 * i)), lengths[i]);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderBytes - 4), Crc32C.Append(Crc32C.Of(header.AsSpan(0, HeaderBytes - 4)), head));

        var sum = 0u;
        void Put(ReadOnlySpan<byte> bytes)
        {
            sum = Crc32C.Append(sum, bytes);
            stream.Write(bytes);
        }
        // Little-endian is what every machine that runs this has; the reader would refuse the magic elsewhere.
        Put(header);
        Put(head);
        Put(messages);
        Put(MemoryMarshal.AsBytes<int>(tokens));
        foreach (var point in record.Snapshot.Points) Put(point.State.Span);
        Put(record.Snapshot.State.Span);
        Put(record.Snapshot.SamplerState.Span);
        Put(MemoryMarshal.AsBytes<uint>(sums));
        Span<byte> trailer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, sum);
        stream.Write(trailer);
    }

    /// <summary>Only what the file says of itself. Null: there is no file.</summary>
    /// <exception cref="Core.Errors.StokerException">Corrupt.</exception>
    internal static SnapshotHead? TryReadHead(string path)
    {
        using var file = TryOpen(path);
        return file is null ? null : ReadHead(file, path, out _, out _);
    }

    /// <summary>What the file says of itself, and the tokens without their sum. Null: there is no file.</summary>
    /// <exception cref="Core.Errors.StokerException">Corrupt.</exception>
    internal static (SnapshotHead Head, int[] Tokens)? TryReadTokens(string path)
    {
        using var file = TryOpen(path);
        if (file is null) return null;
        var head = ReadHead(file, path, out var parts, out _);
        return (head, MemoryMarshal.Cast<byte, int>(ReadExact(file, path, HeaderBytes + parts.Head + parts.Messages, (int)parts.Tokens)).ToArray());
    }

    /// <summary>All of it, verified. Null: there is no file.</summary>
    /// <exception cref="Core.Errors.StokerException">Corrupt: also when any bit is not as it was written.</exception>
    internal static SessionRecord? TryRead(string path)
    {
        using var file = TryOpen(path);
        return file is null ? null : Read(file, path);
    }

    /// <summary>All of it, verified, from any file that begins with it.</summary>
    internal static SessionRecord Read(SafeFileHandle file, string subject)
    {
        var head = ReadHead(file, subject, out var parts, out var sum);
        var place = HeaderBytes + parts.Head;
        byte[] Next(long length)
        {
            var bytes = ReadExact(file, subject, place, (int)length);
            place += length;
            sum = Crc32C.Append(sum, bytes);
            return bytes;
        }
        var messageBytes = Next(parts.Messages);
        var tokens = MemoryMarshal.Cast<byte, int>(Next(parts.Tokens)).ToArray();
        var state = Next(parts.State);
        var sampler = Next(parts.Sampler);
        var sums = MemoryMarshal.Cast<byte, uint>(Next(parts.Sums)).ToArray();
        if (BinaryPrimitives.ReadUInt32LittleEndian(ReadExact(file, subject, place, 4)) != sum) throw SessionErrors.Damaged(subject, "its checksum does not fit its content");
        if (tokens.Length != head.Cells) throw SessionErrors.Damaged(subject, $"it has {tokens.Length} tokens for {head.Cells} cells");
        if (sums.Length != (head.Rows is null ? 0 : CellSums.Blocks(head.Cells))) throw SessionErrors.Damaged(subject, $"it has {sums.Length} sums for {head.Cells} cells");
        var (points, last) = Split(state, head.Points, subject);
        var messages = ReadMessages(messageBytes, head.Messages, subject);
        return new SessionRecord(head, new SessionSnapshot { Tokens = tokens, State = last, Points = points, SamplerState = sampler, Answer = head.Answer, Messages = messages }, sums);
    }

    private static long StatesBytes(SessionSnapshot snapshot) => snapshot.State.Length + snapshot.Points.Sum(static point => (long)point.State.Length);

    private static (IReadOnlyList<SessionPoint> Points, ReadOnlyMemory<byte> Last) Split(byte[] states, IReadOnlyList<PointSize> sizes, string subject)
    {
        if (sizes.Sum(static size => (long)size.Bytes) > states.Length) throw SessionErrors.Damaged(subject, "its earlier states are cut short");
        var points = new List<SessionPoint>(sizes.Count);
        var at = 0;
        foreach (var (cells, bytes) in sizes)
        {
            points.Add(new SessionPoint(cells, states.AsMemory(at, bytes)));
            at += bytes;
        }
        return (points, states.AsMemory(at));
    }

    private static SnapshotHead ReadHead(SafeFileHandle file, string subject, out Parts parts, out uint sum)
    {
        var fileBytes = RandomAccess.GetLength(file);
        if (fileBytes < HeaderBytes) throw SessionErrors.Damaged(subject, "it is too short");
        var header = ReadExact(file, subject, 0, HeaderBytes);
        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic) throw SessionErrors.Damaged(subject, "it is not a snapshot");
        var version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        if (version is < OldestVersion or > Version) throw SessionErrors.Damaged(subject, $"it is of version {version}, and this program reads version {Version}");
        long Length(int part) => BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(12 + (8 * part)));
        parts = new Parts(Length(0), Length(1), Length(2), Length(3), Length(4), Length(5));
        if (!parts.AreSane(fileBytes)) throw SessionErrors.Damaged(subject, "its lengths do not add up");
        var json = ReadExact(file, subject, HeaderBytes, (int)parts.Head);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(HeaderBytes - 4)) != Crc32C.Append(Crc32C.Of(header.AsSpan(0, HeaderBytes - 4)), json))
            throw SessionErrors.Damaged(subject, "its head's checksum does not fit");
        sum = Crc32C.Append(Crc32C.Of(header), json);
        try
        {
            var head = JsonSerializer.Deserialize(json, SessionJson.Default.SnapshotHead) ?? throw new JsonException("null");
            head.Check(subject);
            return head;
        }
        catch (JsonException error)
        {
            throw SessionErrors.Damaged(subject, "its head is not what this program writes", error);
        }
    }

    private static IReadOnlyList<ChatMessage> ReadMessages(byte[] json, int count, string subject)
    {
        try
        {
            var messages = JsonSerializer.Deserialize(json, SessionJson.Default.IReadOnlyListChatMessage);
            if (messages is not null && messages.Count == count && messages.All(static message => message is { Role: not null, Content: not null })) return messages;
        }
        catch (JsonException)
        {
            // As below.
        }
        throw SessionErrors.Damaged(subject, "its messages cannot be read");
    }

    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return Files.OpenWithoutLock(path);
        }
        catch (LibcException error) when (error.Errno == Errno.NoEntry)
        {
            return null;
        }
    }

    private static byte[] ReadExact(SafeFileHandle file, string subject, long place, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var count = RandomAccess.Read(file, bytes.AsSpan(read), place + read);
            if (count == 0) throw SessionErrors.Damaged(subject, "it ends too early");
            read += count;
        }
        return bytes;
    }
}
