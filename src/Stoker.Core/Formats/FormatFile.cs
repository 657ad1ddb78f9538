using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Core.Formats;

/// <summary>Opens model files for reading, with our errors.</summary>
internal static class FormatFile
{
    /// <exception cref="StokerException">NotFound; InvalidInput: it is no regular file; Io: the system refuses.</exception>
    public static FileStream OpenRead(string path)
    {
        if (path.Contains('\0', StringComparison.Ordinal)) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is not a path.");
        try
        {
            // Asked before it is opened: opening a FIFO waits for its other end.
            if (FileStamp.TryRead(path) is not { } stamp) throw new StokerException(ErrorKind.NotFound, $"There is no file {Printable.Short(path, 300)}.");
            if (!stamp.IsRegularFile) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is not a regular file: a model is a file or a set of files.");
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StokerException(ErrorKind.NotFound, $"There is no file {Printable.Short(path, 300)}.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"{Printable.Short(path, 300)} cannot be read: {exception.Message}", exception);
        }
    }
}
