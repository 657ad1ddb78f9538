using System.Buffers.Binary;

namespace Stoker.Core.Children;

/// <summary>
/// The wire form of frames: length of the payload (u32, at most 1 MiB), request id (u32), kind (u16), flags (u16, bit 0: more
/// of this message follows in the next frame of the same request), payload. Little-endian. Pure.
/// </summary>
public static class FrameCodec
{
    public const int HeaderBytes = 12;

    /// <summary>Longest payload of one frame.</summary>
    public const int MaxPayloadBytes = 1 << 20;

    /// <summary>Longest message, over all its frames: a prompt of a million tokens fits.</summary>
    public const int MaxMessageBytes = 16 << 20;

    private const ushort MoreFollows = 1;

    /// <summary>Writes a message as one or more frames.</summary>
    /// <exception cref="ArgumentException">Longer than <see cref="MaxMessageBytes"/>.</exception>
    public static byte[] Encode(uint requestId, ushort kind, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxMessageBytes) throw new ArgumentException($"A message has at most {MaxMessageBytes} bytes.", nameof(payload));
        var frames = Math.Max(1, (payload.Length + MaxPayloadBytes - 1) / MaxPayloadBytes);
        var bytes = new byte[payload.Length + (frames * HeaderBytes)];
        var at = bytes.AsSpan();
        for (var i = 0; i < frames; i++)
        {
            var piece = payload[..Math.Min(payload.Length, MaxPayloadBytes)];
            payload = payload[piece.Length..];
            BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)piece.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], requestId);
            BinaryPrimitives.WriteUInt16LittleEndian(at[8..], kind);
            BinaryPrimitives.WriteUInt16LittleEndian(at[10..], payload.IsEmpty ? (ushort)0 : MoreFollows);
            piece.CopyTo(at[HeaderBytes..]);
            at = at[(HeaderBytes + piece.Length)..];
        }
        return bytes;
    }

    /// <summary>Null when the header is not one: too long, or flags that nobody sends.</summary>
    internal static FrameHeader? TryReadHeader(ReadOnlySpan<byte> header)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        var flags = BinaryPrimitives.ReadUInt16LittleEndian(header[10..]);
        if (length > MaxPayloadBytes || (flags & ~MoreFollows) != 0) return null;
        return new FrameHeader(
            (int)length,
            BinaryPrimitives.ReadUInt32LittleEndian(header[4..]),
            BinaryPrimitives.ReadUInt16LittleEndian(header[8..]),
            (flags & MoreFollows) != 0);
    }
}

internal readonly record struct FrameHeader(int Length, uint RequestId, ushort Kind, bool More);
