using System.Globalization;
using Stoker.Core.Errors;

namespace Stoker.Server;

/// <summary>
/// What runners write, in one file, each line with its time and model. Begun anew when it grows over
/// <see cref="MaxBytes"/>, with one older file kept. Never fails its caller: a full disk loses lines, not answers. Thread-safe.
/// </summary>
public sealed class RunnerLog(string path, TimeProvider time) : IDisposable
{
    public const long MaxBytes = 8L << 20;
    private readonly Lock _gate = new();
    private StreamWriter? _file;
    private bool _disposed;

    public void Write(string model, string line)
    {
        var now = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        lock (_gate)
        {
            if (_disposed) return;
            try
            {
                Open().WriteLine($"{now} {Admin.LogsEndpoint.Mark(model)}{Printable.Short(line, 4000)}");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                Close();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Close();
        }
    }

    private StreamWriter Open()
    {
        if (_file is not null && _file.BaseStream.Length <= MaxBytes) return _file;
        if (_file is not null)
        {
            Close();
            File.Move(path, path + ".1", overwrite: true);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) { AutoFlush = true };
        return _file;
    }

    private void Close()
    {
        try
        {
            _file?.Dispose();
        }
        catch (IOException)
        {
            // The disk is full; the lines are lost.
        }
        _file = null;
    }
}
