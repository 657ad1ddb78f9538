using System.Globalization;
using Stoker.Core.Models;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// Remembers how each blob's file looked when its content was verified, in <c>maps/sha256/ab/abcd….stamp</c>. A record that is
/// lost or torn costs one verification and nothing else, so it is not synced.
/// </summary>
internal sealed class VerifiedStamps(string home)
{
    private const string Header = "stoker-stamp-1";
    private readonly string _root = Path.Combine(home, "maps", "sha256");

    /// <summary>True when the file still is what was verified under this digest.</summary>
    internal bool Matches(Digest digest, FileStamp now)
    {
        try
        {
            var path = PathOf(digest);
            if (!File.Exists(path) || new FileInfo(path).Length > 256) return false;
            return File.ReadAllText(path) == Text(now);
        }
        catch (Exception unreadable) when (DiskErrors.IsDiskError(unreadable))
        {
            return false;
        }
    }

    internal void Remember(Digest digest, FileStamp verified)
    {
        var path = PathOf(digest);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, Text(verified));
    }

    internal void Forget(Digest digest)
    {
        if (File.Exists(PathOf(digest))) File.Delete(PathOf(digest));
    }

    // Links are left out: another hard link moves the change time anyway.
    private static string Text(FileStamp stamp) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Header} {stamp.SizeBytes} {stamp.ModifiedNs} {stamp.ChangedNs} {stamp.Inode} {stamp.Device}\n");

    private string PathOf(Digest digest) => Path.Combine(_root, digest.Hex[..2], digest.Hex + ".stamp");
}
