using System.Text;

namespace Stoker.Core.Children;

/// <summary>The last lines of a stream of text, bounded in lines and in line length. Thread-safe.</summary>
public sealed class LogTail(int maxLines = 40, int maxLineBytes = 2000)
{
    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new();

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock) return [.. _lines];
        }
    }

    public void Add(string line)
    {
        lock (_lock)
        {
            if (_lines.Count == maxLines) _lines.Dequeue();
            _lines.Enqueue(line);
        }
    }

    /// <summary>Reads to the stream's end; each line is kept and handed on. What is beyond a line's limit is dropped.</summary>
    public async Task ReadAsync(Stream stream, Action<string>? forward, CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        var line = new List<byte>();
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            for (var i = 0; i < count; i++)
            {
                if (buffer[i] != (byte)'\n')
                {
                    if (line.Count < maxLineBytes) line.Add(buffer[i]);
                    continue;
                }
                Emit(line, forward);
            }
        }
        if (line.Count > 0) Emit(line, forward);
    }

    private void Emit(List<byte> line, Action<string>? forward)
    {
        var text = Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
        line.Clear();
        if (text.Length == 0) return;
        Add(text);
        forward?.Invoke(text);
    }
}
