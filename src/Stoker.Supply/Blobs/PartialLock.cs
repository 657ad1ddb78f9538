using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// Single flight between processes: who holds it works on the partial file of that name; the others wait, and then find the blob,
/// or go on from the partial file when the holder died. Dispose to let go.
/// </summary>
public sealed class PartialLock : IDisposable
{
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(50);

    private readonly string _path;
    private readonly FileLock _lock;

    private PartialLock(string path, FileLock held)
    {
        _path = path;
        _lock = held;
    }

    internal static async Task<PartialLock?> AcquireAsync(string path, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            DurableFile.CreateFolder(Path.GetDirectoryName(path)!);
            for (; ; )
            {
                if (FileLock.TryAcquire(path) is { } held)
                {
                    // Its last holder may have removed the file between our open and our lock: then the name is another file's.
                    if (FileStamp.TryRead(path)?.Inode == FileStamp.TryRead($"/proc/self/fd/{held.File.DangerousGetHandle()}")?.Inode)
                        return Excludes(path) ? new PartialLock(path, held) : GiveUp(path, held);
                    held.Dispose();
                    continue;
                }
                await Task.Delay(PollEvery, time, cancellationToken);
            }
        }
        catch (LibcException failed) when (failed.Errno is Errno.NotSupported or Errno.InvalidArgument or (Errno)37 /* ENOLCK */)
        {
            return null;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "A download could not be started", path);
        }
    }

    /// <summary>Removes the file, then lets go: nothing is left of a lock that nobody holds.</summary>
    public void Dispose()
    {
        if (_lock.File.IsClosed) return; // by now the name may be another holder's
        try
        {
            File.Delete(_path);
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            // An empty file stays until partial files are pruned.
        }
        _lock.Dispose();
    }

    // A lock that can be taken twice is none (a network file system mounted without locks).
    private static bool Excludes(string path)
    {
        using var second = FileLock.TryAcquire(path);
        return second is null;
    }

    private static PartialLock? GiveUp(string path, FileLock held)
    {
        new PartialLock(path, held).Dispose();
        return null;
    }
}
