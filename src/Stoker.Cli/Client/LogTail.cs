using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Cli.Client;

/// <summary>The end of a log file, read without the daemon.</summary>
public static class LogTail
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>Bytes of the file now; 0 when it is absent.</summary>
    public static long Length(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : 0;
    }

    /// <summary>The last lines written at or after an offset (a file that shrank was begun anew). Unreadable: none.</summary>
    public static IReadOnlyList<string> Read(string path, long fromOffset, int maxLines = 20)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var from = Math.Max(fromOffset > file.Length ? 0 : fromOffset, file.Length - MaxBytes);
            file.Seek(from, SeekOrigin.Begin);
            using var reader = new StreamReader(file, Encoding.UTF8);
            var lines = new Queue<string>();
            while (reader.ReadLine() is { } line)
            {
                if (line.Length == 0) continue;
                lines.Enqueue(Printable.Short(line, 500));
                if (lines.Count > maxLines) lines.Dequeue();
            }
            return [.. lines];
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
