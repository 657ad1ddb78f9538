using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>Turns what the operating system refused into errors that say what, where and what to do.</summary>
public static class DiskErrors
{
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;
    private const int FileTooLarge = 27;
    private const int TooManyFiles = 24;
    private const int TooManyFilesInSystem = 23;

    /// <summary>True for what a file system call throws.</summary>
    public static bool IsDiskError(Exception error) => error is IOException or UnauthorizedAccessException;

    /// <summary>The typed error. <paramref name="neededBytes"/> is named when the disk is full.</summary>
    public static StokerException Wrap(Exception error, string action, string path, long? neededBytes = null)
    {
        if (error is UnauthorizedAccessException)
            return new StokerException(ErrorKind.Io, $"{action}: {path} may not be written by this user ({error.Message}) Check who owns the folder.", error);
        return Number(error) switch
        {
            NoSpace or FileTooLarge => Full(action, path, neededBytes, "the disk is full", error),
            QuotaExceeded => Full(action, path, neededBytes, "the disk quota is used up", error),
            TooManyFiles or TooManyFilesInSystem => new StokerException(ErrorKind.Io, $"{action}: too many files are open; raise the limit (ulimit -n) and try again.", error),
            (int)Errno.ReadOnlyFileSystem => new StokerException(ErrorKind.Io, $"{action}: {path} lies on a read-only file system; set STOKER_HOME to a folder that can be written.", error),
            (int)Errno.AccessDenied or (int)Errno.NotPermitted => new StokerException(ErrorKind.Io, $"{action}: {path} may not be written by this user. Check who owns the folder.", error),
            (int)Errno.Io => new StokerException(ErrorKind.Io, $"{action}: the disk under {path} reports an I/O error; look at the kernel's log (dmesg).", error),
            _ => new StokerException(ErrorKind.Io, $"{action}: {error.Message}", error),
        };
    }

    /// <summary>The disk has less than what is needed.</summary>
    public static StokerException NoRoom(string action, string folder, long neededBytes, long freeBytes) =>
        new(ErrorKind.OutOfSpace, $"{action}: {neededBytes:N0} bytes are needed and {freeBytes:N0} are free under {folder}. Remove models (stoker rm) or conversations (stoker sessions rm), or set STOKER_HOME to a larger disk.");

    private static StokerException Full(string action, string path, long? neededBytes, string reason, Exception error)
    {
        var free = "unknown";
        try
        {
            var folder = Directory.Exists(path) ? path : Path.GetDirectoryName(path) ?? "/";
            free = Files.Space(folder).AvailableBytes.ToString("N0", System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // The first error is the one to tell.
        }
        var needed = neededBytes is { } bytes ? $"{bytes:N0} bytes are needed, " : "";
        return new StokerException(ErrorKind.OutOfSpace, $"{action}: {reason}; {needed}{free} bytes are free under {path}. Remove models (stoker rm) or conversations (stoker sessions rm), or set STOKER_HOME to a larger disk.", error);
    }

    // .NET puts the error number of Linux into HResult.
    private static int Number(Exception error) => error switch
    {
        LibcException libc => (int)libc.Errno,
        _ => error.HResult & 0xFFFF,
    };
}
