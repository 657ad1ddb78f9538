using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>How a file came to where it was wanted.</summary>
public enum ExportWay
{
    /// <summary>It was there already: the same file.</summary>
    AlreadyThere,

    /// <summary>Shares the blob's blocks; may be changed without changing the blob.</summary>
    Reflink,

    /// <summary>The blob itself under a second name; read-only.</summary>
    HardLink,

    /// <summary>Bytes of its own.</summary>
    Copy,
}

/// <summary>
/// Gives a blob a name outside the store: a reflink, else a hard link, else a copy (another file system). What lies there is
/// replaced in one step by a complete file, and is never removed before.
/// </summary>
public static class BlobExport
{
    private const int CopyBytes = 1 << 20;
    private const UnixFileMode Writable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Where a path leads: symbolic links are followed, also to where nothing is yet.</summary>
    /// <exception cref="StokerException">InvalidInput: in a circle.</exception>
    public static string Follow(string path)
    {
        if (new FileInfo(path).LinkTarget is null) return path;
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
        }
        catch (IOException circle)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is a symbolic link that leads nowhere: {circle.Message}", circle);
        }
    }

    /// <summary>Refuses a place where nothing can be put, before anything is fetched for it.</summary>
    /// <exception cref="StokerException">InvalidInput.</exception>
    public static void CheckTarget(string path)
    {
        if (Directory.Exists(path)) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is a folder: name a file in it.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (folder is null || !Directory.Exists(folder)) throw new StokerException(ErrorKind.InvalidInput, $"There is no folder {Printable.Short(folder, 300)} to write to: create it first.");
        // Renaming over /dev/null would leave a plain file there, and every program of the machine writing into it.
        if (FileStamp.TryRead(path) is { IsRegularFile: false }) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is no file but a device, a pipe or a socket, which would be replaced: name another place.");
    }

    /// <summary>Puts the blob there.</summary>
    /// <param name="blob">Held by the caller.</param>
    /// <param name="target">Where; absolute.</param>
    /// <param name="temporary">Where it is made before: in the same folder, used by nobody else. What lies there is removed.</param>
    /// <param name="own">A file of its own that may be changed: no hard link.</param>
    /// <param name="linked">Told when the blob's file got another name, which moves its change time.</param>
    /// <param name="cancellationToken">Ends a copy; nothing is left of it.</param>
    /// <exception cref="StokerException">OutOfSpace, Io.</exception>
    public static async Task<ExportWay> PlaceAsync(BlobLease blob, string target, string temporary, bool own, Action linked, CancellationToken cancellationToken)
    {
        CheckTarget(target);
        try
        {
            File.Delete(temporary);
            if (!own && FileStamp.TryRead(target) is { } there && FileStamp.TryRead(blob.Path) is { } here && (there.Inode, there.Device) == (here.Inode, here.Device))
                return ExportWay.AlreadyThere;
            var way = TryReflink(blob.Path, temporary) ? ExportWay.Reflink
                : !own && Files.TryHardLink(blob.Path, temporary) ? ExportWay.HardLink
                : ExportWay.Copy;
            if (way == ExportWay.Copy) await CopyAsync(blob, temporary, cancellationToken);
            File.Move(temporary, target, overwrite: true);
            Files.SyncDirectory(Path.GetDirectoryName(target)!);
            if (way == ExportWay.HardLink) linked();
            return way;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "The file could not be put where it is wanted", target, blob.SizeBytes);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static bool TryReflink(string source, string target)
    {
        using var from = File.OpenHandle(source);
        using (var to = File.OpenHandle(target, FileMode.CreateNew, FileAccess.Write))
        {
            if (Files.TryReflink(from, to))
            {
                File.SetUnixFileMode(to, Writable);
                return true;
            }
        }
        File.Delete(target);
        return false;
    }

    private static async Task CopyAsync(BlobLease blob, string target, CancellationToken cancellationToken)
    {
        using var from = File.OpenHandle(blob.Path, options: FileOptions.SequentialScan);
        using var to = File.OpenHandle(target, FileMode.CreateNew, FileAccess.Write);
        Files.Allocate(to, target, blob.SizeBytes);
        var buffer = GC.AllocateUninitializedArray<byte>(CopyBytes);
        for (long offset = 0; ;)
        {
            var read = await RandomAccess.ReadAsync(from, buffer, offset, cancellationToken);
            if (read == 0) break;
            await RandomAccess.WriteAsync(to, buffer.AsMemory(0, read), offset, cancellationToken);
            offset += read;
        }
        Files.SyncContent(to, target);
        File.SetUnixFileMode(to, Writable);
    }
}
