using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>The steps after which a power cut cannot undo what was done: file synced, renamed, folder synced.</summary>
internal static class DurableFile
{
    /// <summary>Creates a folder and makes its own entry durable, and those of its new parents.</summary>
    internal static void CreateFolder(string path)
    {
        if (Directory.Exists(path)) return;
        var parent = Path.GetDirectoryName(path);
        if (parent is not null) CreateFolder(parent);
        Directory.CreateDirectory(path);
        if (parent is not null) Files.SyncDirectory(parent);
    }

    /// <summary>Replaces a small file whole: a reader sees the old content or the new, also after a power cut.</summary>
    internal static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var folder = Path.GetDirectoryName(path)!;
        CreateFolder(folder);
        var temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            using (var handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                RandomAccess.Write(handle, content, 0);
                Files.Sync(handle, temporary);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        Files.SyncDirectory(folder);
    }

    /// <summary>Removes a file durably. False when it was not there.</summary>
    internal static bool Remove(string path)
    {
        if (!File.Exists(path)) return false;
        File.Delete(path);
        Files.SyncDirectory(Path.GetDirectoryName(path)!);
        return true;
    }
}
