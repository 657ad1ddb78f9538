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
        BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(HeaderBytes - 4), Crc32C.Append(Crc32C.Of(changed.AsSpan(0, HeaderBytes - 4)), json));
        BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(changed.Length - 4), Crc32C.Of(changed.AsSpan(0, changed.Length - 4)));
        return changed;
    }
}
