using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Stoker.Supply.Blobs;

/// <summary>32 bytes of SHA-256, held in place: a map of many chunks is one array.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ChunkHash(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    public const int SizeBytes = 32;

    public static ChunkHash Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, First);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Second);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[16..], Third);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[24..], Fourth);
    }

    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{First:x16}{Second:x16}{Third:x16}{Fourth:x16}");
}
