using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Libc;

/// <summary>
/// An exclusive <c>flock(2)</c> on a file, held until disposed or until the process ends. Unlike FileStream's own lock it cannot
/// be switched off by the environment, and it is what other programs that use flock see.
/// </summary>
public sealed class FileLock : IDisposable
{
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int Unlock = 8;

    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    /// <summary>The locked file, open for reading and writing; the lock lives as long as it.</summary>
    public SafeFileHandle File => _file;

    /// <summary>Opens (creates, 0600) and locks, or returns null when another open file holds the lock.</summary>
    /// <exception cref="LibcException">The file cannot be locked (a file system without locks).</exception>
    public static FileLock? TryAcquire(string path)
    {
        var file = OpenForLock(path);
        int result;
        do result = LibcNative.flock(file, LockExclusive | LockNonBlocking);
        while (result != 0 && (Errno)Marshal.GetLastPInvokeError() == Errno.Interrupted);
        if (result == 0) return new FileLock(file);

        var errno = Marshal.GetLastPInvokeError();
        file.Dispose();
        return (Errno)errno == Errno.WouldBlock ? null : throw new LibcException("flock", path, errno);
    }

    /// <summary>As <see cref="TryAcquire"/>, but waits; for locks that are held for moments only.</summary>
    /// <exception cref="LibcException">The file cannot be locked.</exception>
    public static FileLock Acquire(string path)
    {
        var file = OpenForLock(path);
        while (LibcNative.flock(file, LockExclusive) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if ((Errno)errno == Errno.Interrupted) continue;
            file.Dispose();
            throw new LibcException("flock", path, errno);
        }
        return new FileLock(file);
    }

    public void Dispose()
    {
        // Before it is closed: a child that another thread is just starting has the file open too until its exec, and would keep the lock.
        if (!_file.IsClosed) _ = LibcNative.flock(_file, Unlock);
        _file.Dispose();
    }

    private static SafeFileHandle OpenForLock(string path)
    {
        // open(2) ourselves: FileShare.None in .NET takes a flock of its own, which would be the one we then find held.
        const int readWrite = 2, create = 0x40, closeOnExec = 0x80000, noFollow = 0x20000;
        var fd = LibcNative.open(path, readWrite | create | closeOnExec | noFollow, 0x180 /* 0600 */);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw LibcException.Last("open", path);
    }
}
