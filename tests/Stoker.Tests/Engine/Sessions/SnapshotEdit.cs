using System.Buffers.Binary;
using System.Text;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>Changes the head of a snapshot and makes its checksums right again, as somebody who means harm would.</summary>
internal static class SnapshotEdit
{
    private const int HeaderBytes = 8 + 4 + (6 * 8) + 4;

    internal static byte[] Change(byte[] snapshot, Func<string, string> head)
    {
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(snapshot.AsSpan(12));
        var json = Encoding.UTF8.GetBytes(head(Encoding.UTF8.GetString(snapshot, HeaderBytes, length)));
        byte[] changed = [.. snapshot[..HeaderBytes], .. json, .. snapshot[(HeaderBytes + length)..]];
        BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(12), json.Length);
        MakeRight(changed);
        return changed;
    }

    /// <summary>Where the sampler's random state lies.</summary>
    internal static Span<byte> SamplerState(byte[] snapshot)
    {
        int Length(int part) => (int)BinaryPrimitives.ReadInt64LittleEndian(snapshot.AsSpan(12 + (8 * part)));
        return snapshot.AsSpan(HeaderBytes + Enumerable.Range(0, 4).Sum(Length), Length(4));
    }

    /// <summary>Writes the sums that fit what is there now, if its lengths let them be found.</summary>
    internal static void MakeRight(Span<byte> snapshot)
    {
        if (snapshot.Length < HeaderBytes + 4) return;
        var length = BinaryPrimitives.ReadInt64LittleEndian(snapshot[12..]);
        if (length < 0 || length > snapshot.Length - HeaderBytes - 4) return;
        BinaryPrimitives.WriteUInt32LittleEndian(snapshot[(HeaderBytes - 4)..], Crc32C.Append(Crc32C.Of(snapshot[..(HeaderBytes - 4)]), snapshot.Slice(HeaderBytes, (int)length)));
        BinaryPrimitives.WriteUInt32LittleEndian(snapshot[^4..], Crc32C.Of(snapshot[..^4]));
    }
}
