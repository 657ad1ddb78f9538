using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// <c>partial/</c> as a whole: what lies in it, and how it goes. Files of downloads that somebody works on stay. Thread-safe.
/// </summary>
public sealed class PartialFolder(string path)
{
    /// <summary>True for a file whose content had no name yet: after a crash it is of no use to anybody.</summary>
    public static bool IsNameless(string name) => name.StartsWith("new-", StringComparison.Ordinal);

    /// <summary>Every file of a download under way or interrupted, and damaged ones that were moved aside.</summary>
    public IReadOnlyList<Evictable> List() => Directory.Exists(path)
        ? [.. new DirectoryInfo(path).EnumerateFiles().Where(static file => file.Extension != ".lock").Select(static file => new Evictable(file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc), null))]
        : [];

    /// <summary>Removes one of them. False when somebody works on it, or it is gone.</summary>
    public bool TryRemove(string name)
    {
        try
        {
            var file = Path.Combine(path, Path.GetFileName(name));
            if (!File.Exists(file)) return false;
            using var turn = FileLock.TryAcquire(Path.ChangeExtension(file, ".lock"));
            if (turn is null) return false;
            File.Delete(file);
            File.Delete(Path.ChangeExtension(file, ".lock"));
            return true;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused) || refused is LibcException)
        {
            return false;
        }
    }

    /// <summary>Removes partial files that nobody has written to for <paramref name="age"/>. Returns their bytes.</summary>
    public long Prune(TimeSpan age, DateTimeOffset now)
    {
        if (!Directory.Exists(path)) return 0;
        long freed = 0;
        foreach (var file in new DirectoryInfo(path).EnumerateFiles())
        {
            if (now.UtcDateTime - file.LastWriteTimeUtc < age) continue;
            try
            {
                var size = file.Length;
                file.Delete();
                freed += size;
            }
            catch (Exception refused) when (DiskErrors.IsDiskError(refused))
            {
                // Tidying up is no reason not to start; the next start tries again.
            }
        }
        return freed;
    }
}
