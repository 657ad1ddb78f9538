using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stoker.Supply.Blobs;

/// <summary>CRC-32C (Castagnoli, RFC 3720), by the processor's own instruction where it has one.</summary>
public static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>The sum of what <paramref name="sum"/> covers followed by <paramref name="bytes"/>.</summary>
    // Compiled once, as well as can be: three calls for each eight bytes otherwise, until the runtime looks at it again.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Append(uint sum, ReadOnlySpan<byte> bytes)
    {
        var crc = ~sum;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
