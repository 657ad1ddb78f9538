using Microsoft.Win32.SafeHandles;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>
/// An open file of KV cells. Counted: every chain that uses it holds a reference, and the last one closes it. Thread-safe; the
/// cells are written by one slot at most.
/// </summary>
public sealed class KvFile : IDisposable
{
    private readonly Lazy<ulong> _inode;
    private int _references = 1;

    private KvFile(SafeFileHandle handle, string name)
    {
        Handle = handle;
        Name = name;
        _inode = new Lazy<ulong>(() => FileStamp.Read(handle).Inode);
    }

    public SafeFileHandle Handle { get; }

    /// <summary>Its path, or for an unnamed one the folder it was made in.</summary>
    public string Name { get; internal set; }

    /// <summary>The same for all that is open of one file, under whatever name.</summary>
    internal ulong Inode => _inode.Value;

    /// <summary>Asked before it grows; null: nobody counts.</summary>
    internal IKvRoom? Room { get; set; }

    /// <summary>Others read these cells too (another chain here, another name on disk): they must not be overwritten.</summary>
    public bool IsShared => Volatile.Read(ref _references) > 1 || FileStamp.Read(Handle).Links > 1;

    /// <summary>A file without a name: it is gone with its last reference, also when the process is killed.</summary>
    /// <exception cref="StokerException">OutOfSpace, Io; Unsupported: this file system has no unnamed files.</exception>
    public static KvFile CreateUnnamed(string folder, KvLayout layout) => Guard(folder, () =>
    {
        var handle = Files.TryCreateUnnamed(folder)
            ?? throw new StokerException(ErrorKind.Unsupported, $"The file system of {folder} has no unnamed files: name the conversation, or move STOKER_HOME.");
        return Sized(handle, folder, layout);
    });

    /// <summary>A new file, 0600.</summary>
    /// <exception cref="StokerException">OutOfSpace, Io (it exists, too).</exception>
    public static KvFile Create(string path, KvLayout layout) => Guard(path, () => Sized(Files.OpenForUpdate(path, create: true), path, layout));

    /// <exception cref="StokerException">Io, NotFound.</exception>
    public static KvFile Open(string path) => Guard(path, () => new KvFile(Files.OpenForUpdate(path, create: false), path));

    /// <summary>One more reference, to be disposed of by whoever asked.</summary>
    public KvFile Share()
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Gives cells their disk blocks before anything is written there.</summary>
    /// <exception cref="StokerException">OutOfSpace: the disk is full. What is in the file stays as it is.</exception>
    public void Reserve(KvLayout layout, int fromCell, int toCells)
    {
        if (toCells <= fromCell) return;
        Room?.Claim((toCells - fromCell) * layout.CellBytes);
        while (!TryReserve(layout, fromCell, toCells))
        {
            // Full: what the prompt cache keeps goes first.
        }
    }

    /// <summary>Writes where no slot does.</summary>
    /// <exception cref="StokerException">OutOfSpace, Io.</exception>
    internal void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            try
            {
                RandomAccess.Write(Handle, bytes, offset);
                return;
            }
            catch (IOException error)
            {
                if (!IsFull(error) || Room?.TryFree(bytes.Length) != true) throw ToStoker(error, Name, bytes.Length);
            }
        }
    }

    /// <returns>How much there is: no more beyond the file's end.</returns>
    /// <exception cref="StokerException">Io.</exception>
    internal int Read(long offset, Span<byte> bytes)
    {
        try
        {
            return RandomAccess.Read(Handle, bytes, offset);
        }
        catch (IOException error)
        {
            throw ToStoker(error, Name, 0);
        }
    }

    /// <summary>Frees the blocks of cells from this one on, which nobody may need any more: reserved ahead, or of an answer that was lost.</summary>
    internal void GiveBack(KvLayout layout, int fromCell)
    {
        foreach (var region in layout.Regions)
        {
            var from = ((((long)fromCell * region.RowBytes) + layout.PageSizeBytes - 1) / layout.PageSizeBytes) * layout.PageSizeBytes;
            Files.GiveBack(Handle, region.FileOffset + from, layout.RegionBytes(region) - from);
        }
    }

    private bool TryReserve(KvLayout layout, int fromCell, int toCells)
    {
        var bytes = (toCells - fromCell) * layout.CellBytes;
        try
        {
            foreach (var region in layout.Regions)
            {
                var offset = region.FileOffset + ((long)fromCell * region.RowBytes);
                if (!Files.TryReserve(Handle, Name, offset, (long)(toCells - fromCell) * region.RowBytes)) break;
            }
            return true;
        }
        catch (LibcException error)
        {
            if (IsFull(error) && Room?.TryFree(bytes) == true) return false;
            throw ToStoker(error, Name, bytes);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _references) == 0) Handle.Dispose();
    }

    private static KvFile Sized(SafeFileHandle handle, string name, KvLayout layout)
    {
        try
        {
            RandomAccess.SetLength(handle, layout.FileBytes);
            return new KvFile(handle, name);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static KvFile Guard(string subject, Func<KvFile> make)
    {
        try
        {
            return make();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw ToStoker(error, subject, 0);
        }
    }

    /// <summary>The disk has no block left, or its owner may have no more.</summary>
    internal static bool IsFull(Exception error) => ErrnoOf(error) is Errno.NoSpace or Errno.QuotaExceeded;

    internal static StokerException ToStoker(Exception error, string subject, long neededBytes) => ErrnoOf(error) switch
    {
        Errno.NoSpace => Full("The disk is full", error, subject, neededBytes),
        Errno.QuotaExceeded => Full("The disk quota is used up", error, subject, neededBytes),
        Errno.NoEntry => new StokerException(ErrorKind.NotFound, $"{subject} does not exist.", error),
        _ => new StokerException(ErrorKind.Io, error is LibcException ? error.Message : $"{subject}: {error.Message}", error),
    };

    private static StokerException Full(string reason, Exception error, string subject, long neededBytes) =>
        new(ErrorKind.OutOfSpace, $"{reason}: {subject} needs {(neededBytes + 1023) >> 10} KiB more for the KV cache. Free some space, move STOKER_HOME, or keep the cells in memory (--kv ram).", error);

    // .NET puts the error number of Linux into HResult.
    private static Errno ErrnoOf(Exception error) => error is LibcException libc ? libc.Errno : error is IOException ? (Errno)(error.HResult & 0xFFFF) : Errno.None;
}
