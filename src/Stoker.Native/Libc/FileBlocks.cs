using System.Runtime.InteropServices;

namespace Stoker.Native.Libc;

/// <summary>What a file takes on disk: statx(2).</summary>
/// <param name="AllocatedBytes">Of the blocks it has; holes have none.</param>
/// <param name="Links">Its names.</param>
public readonly record struct FileBlocks(long AllocatedBytes, uint Links, ulong Inode)
{
    /// <summary>Of the file at a path (a link itself, not what it points at), or null when there is none.</summary>
    /// <exception cref="LibcException">It cannot be asked (EACCES, EIO ...).</exception>
    public static unsafe FileBlocks? TryRead(string path)
    {
        const int atCwd = -100, noFollow = 0x100;
        const uint basicStats = 0x7ff;
        const int blockBytes = 512; // the unit of stx_blocks, whatever the file system's is
        LibcNative.StatX stat;
        if (LibcNative.statx(atCwd, path, noFollow, basicStats, &stat) == 0)
            return new FileBlocks((long)stat.Blocks * blockBytes, stat.Links, stat.Inode);
        var errno = Marshal.GetLastPInvokeError();
        return (Errno)errno == Errno.NoEntry ? null : throw new LibcException("statx", path, errno);
    }
}
