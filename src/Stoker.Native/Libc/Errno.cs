using System.Runtime.InteropServices;

namespace Stoker.Native.Libc;

/// <summary>Linux error numbers that callers tell apart (asm-generic/errno-base.h, errno.h; the same on x64 and arm64).</summary>
public enum Errno
{
    None = 0,
    NotPermitted = 1,
    NoEntry = 2,
    NoProcess = 3,
    Interrupted = 4,
    Io = 5,
    WouldBlock = 11,
    OutOfMemory = 12,
    AccessDenied = 13,
    Exists = 17,
    InvalidArgument = 22,
    NoSpace = 28,
    ReadOnlyFileSystem = 30,
    NotSupported = 95,
    QuotaExceeded = 122,
}

/// <summary>A libc call failed: what was called, on what, and the kernel's reason.</summary>
public sealed class LibcException : IOException
{
    public LibcException(string call, string subject, int errno)
        : base($"{call} on {subject} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).") => Errno = (Errno)errno;

    public Errno Errno { get; }

    internal static LibcException Last(string call, string subject) => new(call, subject, Marshal.GetLastPInvokeError());
}
