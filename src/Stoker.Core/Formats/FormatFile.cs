using Stoker.Core.Errors;

namespace Stoker.Core.Formats;

/// <summary>Opens model files for reading, with our errors.</summary>
internal static class FormatFile
{
    /// <exception cref="StokerException">NotFound; Io: the system refuses, or it is no regular file.</exception>
    public static FileStream OpenRead(string path)
    {
        try
        {
            if (Directory.Exists(path)) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is a folder, not a model file.");
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (stream.CanSeek) return stream;
            stream.Dispose();
            throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is not a regular file.");
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
