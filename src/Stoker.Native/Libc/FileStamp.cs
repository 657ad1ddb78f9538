using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Libc;

/// <summary>
/// What tells that a file is still the one that was looked at: statx(2), times in nanoseconds since 1970. A write, a chmod, a
/// rename, a hard link made or removed all move <see cref="ChangedNs"/>, which nobody can set.
/// </summary>
public readonly record struct FileStamp(
    long SizeBytes,
    long ModifiedNs,
    long ChangedNs,
    ulong Inode,
    ulong Device,
    uint Links,
    bool IsRegularFile)
{
    /// <summary>Of the file at a path (links followed), or null when there is none.</summary>
    /// <exception cref="LibcException">It cannot be asked (EACCES, EIO ...).</exception>
    public static unsafe FileStamp? TryRead(string path)
    {
        const int atCwd = -100;
        const uint basicStats = 0x7ff;
        LibcNative.StatX stat;
        if (LibcNative.statx(atCwd, path, 0, basicStats, &stat) != 0)
        {
            const int notADirectory = 20;
            var errno = Marshal.GetLastPInvokeError();
            if (errno is (int)Errno.NoEntry or notADirectory) return null;
            throw new LibcException("statx", path, errno);
        }
        return From(stat);
    }

    /// <summary>Of an open file.</summary>
    /// <exception cref="LibcException">It cannot be asked.</exception>
    public static unsafe FileStamp Read(SafeFileHandle file)
    {
        const int emptyPath = 0x1000;
        const uint basicStats = 0x7ff;
        LibcNative.StatX stat;
        if (LibcNative.statx(file, "", emptyPath, basicStats, &stat) != 0) throw LibcException.Last("statx", "an open file");
        return From(stat);
    }

    private static FileStamp From(in LibcNative.StatX stat)
    {
        const int formatMask = 0xF000, regular = 0x8000;
        return new FileStamp(
            (long)stat.Size,
            Nanoseconds(stat.Modified),
            Nanoseconds(stat.Changed),
            stat.Inode,
            ((ulong)stat.DeviceMajor << 32) | stat.DeviceMinor,
            stat.Links,
            (stat.Mode & formatMask) == regular);
    }

    private static long Nanoseconds(LibcNative.StatXTime time) => unchecked((time.Seconds * 1_000_000_000) + time.Nanoseconds);
}
