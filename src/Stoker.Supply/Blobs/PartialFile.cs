using Microsoft.Win32.SafeHandles;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// A download under way: one file in <c>partial/</c>, written at positions. Not thread-safe but for <see cref="Write"/> to ranges
/// that do not overlap. Disposing closes it; the file stays unless it was discarded or published.
/// </summary>
public sealed class PartialFile : IPartialContent, IDisposable
{
    private readonly SafeFileHandle _handle;
    private PartialFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
    }

    public string Path { get; }

    /// <summary>True once it was published or discarded: there is no such file any more.</summary>
    internal bool IsGone { get; private set; }

    /// <summary>Bytes in the file now (holes included).</summary>
    public long LengthBytes => RandomAccess.GetLength(_handle);

    /// <summary>Opens or creates; with <paramref name="fresh"/> what was there is dropped.</summary>
    /// <exception cref="StokerException">Io, OutOfSpace.</exception>
    internal static PartialFile Open(string path, bool fresh)
    {
        try
        {
            DurableFile.CreateFolder(System.IO.Path.GetDirectoryName(path)!);
            var handle = File.OpenHandle(path, fresh ? FileMode.Create : FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, FileOptions.None);
            return new PartialFile(path, handle);
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "A download could not be started", path);
        }
    }

    /// <summary>Makes room for the whole file, so that a full disk shows before the first byte and the file lies in one piece.</summary>
    /// <exception cref="StokerException">OutOfSpace, with needed and free.</exception>
    public void Reserve(long sizeBytes)
    {
        try
        {
            Files.Allocate(_handle, Path, sizeBytes);
        }
        catch (IOException refused)
        {
            throw DiskErrors.Wrap(refused, "There is no room for the download", Path, sizeBytes);
        }
    }

    /// <exception cref="StokerException">OutOfSpace, Io.</exception>
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(_handle, bytes, offset);
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "The download could not be written", Path, bytes.Length);
        }
    }

    /// <summary>As many bytes as there are, up to the buffer's length.</summary>
    public int Read(Span<byte> buffer, long offset)
    {
        try
        {
            var read = 0;
            while (read < buffer.Length)
            {
                var got = RandomAccess.Read(_handle, buffer[read..], offset + read);
                if (got == 0) break;
                read += got;
            }
            return read;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "The download could not be read back", Path);
        }
    }

    /// <summary>Drops what lies behind <paramref name="lengthBytes"/>, or grows the file by a hole.</summary>
    public void SetLength(long lengthBytes)
    {
        try
        {
            RandomAccess.SetLength(_handle, lengthBytes);
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "The download could not be written", Path);
        }
    }

    /// <summary>Waits until the bytes written so far are on the disk; not for times and names.</summary>
    public void SyncContent()
    {
        try
        {
            Files.SyncContent(_handle, Path);
        }
        catch (IOException refused)
        {
            throw DiskErrors.Wrap(refused, "The download could not be made durable", Path);
        }
    }

    /// <summary>Lets the kernel begin to write this part to the disk, so that a later sync has less to wait for.</summary>
    public void StartWriteBack(long offset, long length) => Files.StartWriteBack(_handle, offset, length);

    /// <summary>Leaves this part to the disk alone: its pages in memory are free for others.</summary>
    public void LeavePageCache(long offset, long length) => Files.LeavePageCache(_handle, offset, length);

    /// <summary>Waits until what was written is on the disk.</summary>
    public void Sync()
    {
        try
        {
            Files.Sync(_handle, Path);
        }
        catch (IOException refused)
        {
            throw DiskErrors.Wrap(refused, "The download could not be made durable", Path);
        }
    }

    /// <summary>Removes the file.</summary>
    public void Discard()
    {
        if (IsGone) return;
        IsGone = true;
        _handle.Dispose();
        File.Delete(Path);
    }

    public void Dispose() => _handle.Dispose();

    internal void MarkPublished() => IsGone = true;
}
