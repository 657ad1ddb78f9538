using System.Buffers.Binary;

namespace Stoker.Tests.Core.Formats;

/// <summary>Damages bytes in the ways that files are damaged or forged.</summary>
internal static class Mutation
{
    private static readonly ulong[] Telling =
        [0, 1, 2, 3, 7, 8, 9, 12, 13, 31, 32, 33, 63, 64, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1UL << 32, 1UL << 62, long.MaxValue, 1UL << 63, ulong.MaxValue - 7, ulong.MaxValue];

    /// <summary>One to four damages to a copy.</summary>
    public static byte[] Of(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        for (var damages = random.Next(1, 5); damages > 0 && bytes.Length > 16; damages--) bytes = Damage(bytes, random);
        return bytes;
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        var at = random.Next(bytes.Length);
        switch (random.Next(8))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2 when at + 8 <= bytes.Length:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), Telling[random.Next(Telling.Length)]);
                return bytes;
            case 3 when at + 4 <= bytes.Length:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), unchecked((uint)Telling[random.Next(Telling.Length)]));
                return bytes;
            case 4:
                return bytes[..at];
            case 5:
                return [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 40))..]];
            case 6:
                var copied = bytes.AsSpan(at, Math.Min(random.Next(1, 200), bytes.Length - at)).ToArray();
                var to = random.Next(bytes.Length);
                return [.. bytes[..to], .. copied, .. bytes[to..]];
            default:
                var noise = new byte[Math.Min(random.Next(1, 16), bytes.Length - at)];
                random.NextBytes(noise);
                noise.CopyTo(bytes, at);
                return bytes;
        }
    }
}
