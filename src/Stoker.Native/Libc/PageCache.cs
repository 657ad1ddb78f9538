namespace Stoker.Native.Libc;

/// <summary>What of a file the kernel has in memory.</summary>
public static unsafe class PageCache
{
    // One byte a page is asked for: 64 KiB for 256 MiB of file.
    private const long StepBytes = 256L << 20;

    /// <summary>
    /// Bytes of the file that can be read without the disk, or null when the kernel does not say: of files that are neither this user's
    /// nor for this user to write, it calls every page resident (mincore(2), since Linux 5.2).
    /// </summary>
    public static long? ResidentBytes(string path)
    {
        const int read = 1, shared = 1;
        try
        {
            if (!IsTold(path)) return null;
            using var file = File.OpenHandle(path);
            var length = RandomAccess.GetLength(file);
            var page = (long)Environment.SystemPageSize;
            var states = new byte[(Math.Min(length, StepBytes) + page - 1) / page];
            var pages = 0L;
            for (var offset = 0L; offset < length; offset += StepBytes)
            {
                var bytes = (nuint)Math.Min(StepBytes, length - offset);
                var mapped = LibcNative.mmap(0, bytes, read, shared, file, offset);
                if (mapped == -1) return null;
                fixed (byte* vector = states)
                {
                    var failed = LibcNative.mincore(mapped, bytes, vector) != 0;
                    _ = LibcNative.munmap(mapped, bytes);
                    if (failed) return null;
                }
                for (var i = 0; i < (int)(((long)bytes + page - 1) / page); i++) pages += states[i] & 1;
            }
            return Math.Min(length, pages * page);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsTold(string path)
    {
        const int atCwd = -100, mayWrite = 2;
        const uint basicStats = 0x7ff;
        LibcNative.StatX stat;
        return LibcNative.access(path, mayWrite) == 0 || (LibcNative.statx(atCwd, path, 0, basicStats, &stat) == 0 && stat.Uid == LibcNative.geteuid());
    }
}
