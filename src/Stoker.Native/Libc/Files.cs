using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Libc;

/// <summary>What the file system is asked beyond System.IO.</summary>
public static unsafe class Files
{
    /// <summary>Makes a rename or creation in this folder durable.</summary>
    /// <exception cref="LibcException">The folder cannot be opened or synced. File systems that refuse to sync folders (EINVAL) are accepted.</exception>
    public static void SyncDirectory(string path)
    {
        const int readOnly = 0, directory = 0x10000, closeOnExec = 0x80000;
        var fd = LibcNative.open(path, readOnly | directory | closeOnExec, 0);
        if (fd < 0) throw LibcException.Last("open", path);
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        if (LibcNative.fsync(handle) == 0) return;
        var errno = Marshal.GetLastPInvokeError();
        if ((Errno)errno != Errno.InvalidArgument) throw new LibcException("fsync", path, errno);
    }

    /// <summary>
    /// Opens for reading and takes no lock: .NET's own open takes a shared flock, which fails on, and gets in the way of, a file that
    /// is used as a lock.
    /// </summary>
    /// <exception cref="LibcException">It is absent (NoEntry), or cannot be opened.</exception>
    public static SafeFileHandle OpenWithoutLock(string path)
    {
        const int readOnly = 0, closeOnExec = 0x80000, noFollow = 0x20000;
        var fd = LibcNative.open(path, readOnly | closeOnExec | noFollow, 0);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw LibcException.Last("open", path);
    }

    /// <summary>Makes a file's content durable.</summary>
    public static void Sync(SafeFileHandle file, string path)
    {
        if (LibcNative.fsync(file) != 0) throw LibcException.Last("fsync", path);
    }

    /// <summary>Gives the file its whole size and the disk blocks for it; existing content stays. A file system that cannot (EOPNOTSUPP) gets a hole.</summary>
    /// <exception cref="LibcException">NoSpace among others.</exception>
    public static void Allocate(SafeFileHandle file, string path, long sizeBytes)
    {
        if (sizeBytes == 0) return;
        while (LibcNative.fallocate(file, 0, 0, sizeBytes) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if ((Errno)errno == Errno.Interrupted) continue;
            if ((Errno)errno != Errno.NotSupported) throw new LibcException("fallocate", path, errno);
            if (RandomAccess.GetLength(file) < sizeBytes) RandomAccess.SetLength(file, sizeBytes);
            return;
        }
    }

    /// <summary>Makes a file's bytes durable, and what is needed to read them back; not its times.</summary>
    public static void SyncContent(SafeFileHandle file, string path)
    {
        if (LibcNative.fdatasync(file) != 0) throw LibcException.Last("fdatasync", path);
    }

    /// <summary>Lets the kernel begin to write a part of the file to the disk (sync_file_range(2)). A hint: failure is no error.</summary>
    public static void StartWriteBack(SafeFileHandle file, long offset, long length)
    {
        const uint write = 2; // SYNC_FILE_RANGE_WRITE
        _ = LibcNative.sync_file_range(file, offset, length, write);
    }

    /// <summary>
    /// Gives a part of the file its disk blocks, beyond the file's end too, without changing what is read from it: writing there, also
    /// through a mapping, cannot run out of space then. False: this file system has no such thing.
    /// </summary>
    /// <exception cref="LibcException">NoSpace among others.</exception>
    public static bool TryReserve(SafeFileHandle file, string path, long offset, long length)
    {
        const int keepSize = 1; // FALLOC_FL_KEEP_SIZE
        while (LibcNative.fallocate(file, keepSize, offset, length) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if ((Errno)errno == Errno.Interrupted) continue;
            return (Errno)errno == Errno.NotSupported ? false : throw new LibcException("fallocate", path, errno);
        }
        return true;
    }

    /// <summary>Takes the disk blocks of whole pages of the file back; zeros are read there. A hint: failure is no error.</summary>
    public static void GiveBack(SafeFileHandle file, long offset, long length)
    {
        const int punchHoleKeepSize = 3; // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
        if (length > 0) _ = LibcNative.fallocate(file, punchHoleKeepSize, offset, length);
    }

    /// <summary>Creates a file without a name (O_TMPFILE), 0600: it is gone with its last handle. Null: this file system has no such thing.</summary>
    /// <exception cref="LibcException">AccessDenied, ReadOnlyFileSystem, NoEntry ...</exception>
    public static SafeFileHandle? TryCreateUnnamed(string folder)
    {
        const int readWrite = 2, temporaryFile = 0x410000, closeOnExec = 0x80000, isDirectory = 21;
        var fd = LibcNative.open(folder, readWrite | temporaryFile | closeOnExec, 0x180 /* 0600 */);
        if (fd >= 0) return new SafeFileHandle(fd, ownsHandle: true);
        var errno = Marshal.GetLastPInvokeError();
        // Kernels and file systems without O_TMPFILE see a folder opened for writing.
        return errno == isDirectory || (Errno)errno is Errno.NotSupported or Errno.InvalidArgument ? null : throw new LibcException("open(O_TMPFILE)", folder, errno);
    }

    /// <summary>Opens for reading and writing, following no link and taking no lock.</summary>
    /// <param name="create">Create it, 0600; it must not exist yet.</param>
    /// <exception cref="LibcException">NoEntry, Exists, AccessDenied, NoSpace ...</exception>
    public static SafeFileHandle OpenForUpdate(string path, bool create)
    {
        const int readWrite = 2, createNew = 0xC0, closeOnExec = 0x80000, noFollow = 0x20000;
        var fd = LibcNative.open(path, readWrite | closeOnExec | noFollow | (create ? createNew : 0), 0x180 /* 0600 */);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw LibcException.Last("open", path);
    }

    /// <summary>
    /// Waits until a part of the file was handed to the disk, then lets go of its pages: memory is left to others. Durable it is only
    /// after a sync. A hint: failure is no error.
    /// </summary>
    public static void LeavePageCache(SafeFileHandle file, long offset, long length)
    {
        const uint waitWriteWait = 1 | 2 | 4; // SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER
        const int dontNeed = 4;
        if (LibcNative.sync_file_range(file, offset, length, waitWriteWait) == 0) _ = LibcNative.posix_fadvise(file, offset, length, dontNeed);
    }

    /// <summary>Makes an empty file share another's blocks (ioctl FICLONE). False: this file system, or this pair of files, cannot.</summary>
    public static bool TryReflink(SafeFileHandle source, SafeFileHandle target)
    {
        const nuint clone = 0x40049409; // FICLONE of linux/fs.h
        return LibcNative.ioctl(target, clone, source) == 0;
    }

    /// <summary>Gives a file a second name. False: it lies on another file system, or the file system or its rules have no such thing.</summary>
    /// <exception cref="LibcException">Exists, NoSpace …</exception>
    public static bool TryHardLink(string existing, string created)
    {
        const int crossDevice = 18, tooManyLinks = 31;
        if (LibcNative.link(existing, created) == 0) return true;
        var errno = Marshal.GetLastPInvokeError();
        return errno is crossDevice or tooManyLinks or (int)Errno.NotPermitted or (int)Errno.NotSupported or (int)Errno.AccessDenied
            ? false
            : throw new LibcException("link", created, errno);
    }

    /// <summary>Size and free space of the file system that holds <paramref name="path"/> (which must exist), in bytes.</summary>
    public static FileSystemSpace Space(string path)
    {
        LibcNative.StatVfs stat;
        if (LibcNative.statvfs(path, &stat) != 0) throw LibcException.Last("statvfs", path);
        var unit = (long)stat.FragmentSize;
        return new FileSystemSpace((long)stat.Blocks * unit, (long)stat.BlocksAvailable * unit);
    }

    /// <summary>The kind of file system that holds <paramref name="path"/> (which must exist): a magic number of statfs(2).</summary>
    public static long FileSystemType(string path)
    {
        LibcNative.StatFs stat;
        return LibcNative.statfs(path, &stat) == 0 ? stat.Type : throw LibcException.Last("statfs", path);
    }

    /// <summary>Writes a page of a file through a shared mapping and reads it back from the file. False: the file system cannot do that.</summary>
    public static bool CanMap(SafeFileHandle file)
    {
        const int readWrite = 3, shared = 1;
        var page = (nuint)Environment.SystemPageSize;
        RandomAccess.SetLength(file, (long)page);
        var address = LibcNative.mmap(0, page, readWrite, shared, file, 0);
        if (address == -1) return false;
        const byte mark = 0xA5;
        *(byte*)address = mark;
        _ = LibcNative.munmap(address, page);
        var read = new byte[1];
        return RandomAccess.Read(file, read, 0) == 1 && read[0] == mark;
    }

    /// <summary>Creates a folder with mode 0700 that must not exist yet.</summary>
    /// <exception cref="LibcException">It exists already (Exists), or cannot be made.</exception>
    public static void CreatePrivateDirectory(string path)
    {
        if (LibcNative.mkdir(path, 0x1C0 /* 0700 */) != 0) throw LibcException.Last("mkdir", path);
    }

    /// <summary>Tells the kernel that the file's pages will not be needed soon (POSIX_FADV_DONTNEED). A hint: failure is no error.</summary>
    public static void DropFromPageCache(SafeFileHandle file) => _ = LibcNative.posix_fadvise(file, 0, 0, 4);
}

/// <summary>Bytes in all, and bytes that this user may still write.</summary>
public readonly record struct FileSystemSpace(long TotalBytes, long AvailableBytes);
