using System.Runtime.CompilerServices;
using System.Text;

namespace Stoker.Server.Admin;

/// <summary>The end of a log file, and what is added to it. Bounded: looks back at most <see cref="MaxBytes"/>.</summary>
internal sealed class LogFile(string path, TimeProvider time)
{
    public const int MaxBytes = 4 << 20;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>Whole lines without their ends: the last ones, then (with <paramref name="follow"/>) new ones until cancelled. A missing file is empty.</summary>
    public async IAsyncEnumerable<string> ReadAsync(int lines, bool follow, Func<string, bool> wanted, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var position = Math.Max(0, Length() - MaxBytes);
        var startsMidway = position > 0;
        var pending = new LineSplitter();
        var last = new Queue<string>();
        await foreach (var line in ReadNewAsync(position, pending, cancellationToken))
        {
            var isHalf = startsMidway;
            startsMidway = false;
            if (isHalf || !wanted(line)) continue;
            last.Enqueue(line);
            if (last.Count > lines) last.Dequeue();
        }
        foreach (var line in last) yield return line;
        while (follow)
        {
            await Task.Delay(Poll, time, cancellationToken);
            // Shorter than what was read: it was begun anew.
            if (Length() < pending.Position) pending = new LineSplitter();
            await foreach (var line in ReadNewAsync(pending.Position, pending, cancellationToken))
            {
                if (wanted(line)) yield return line;
            }
        }
    }

    private long Length()
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : 0;
    }

    private async IAsyncEnumerable<string> ReadNewAsync(long from, LineSplitter splitter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!File.Exists(path)) yield break;
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var buffer = new byte[64 * 1024];
        splitter.Position = from;
        int read;
        while ((read = await RandomAccess.ReadAsync(file, buffer, splitter.Position, cancellationToken)) > 0)
        {
            splitter.Position += read;
            foreach (var line in splitter.Split(buffer.AsSpan(0, read))) yield return line;
        }
    }

    /// <summary>Cuts bytes into lines across reads; a line longer than 64 KiB is cut too.</summary>
    private sealed class LineSplitter
    {
        private const int MaxLineBytes = 64 * 1024;
        private readonly List<byte> _half = [];

        public long Position { get; set; }

        public List<string> Split(ReadOnlySpan<byte> bytes)
        {
            var lines = new List<string>();
            foreach (var value in bytes)
            {
                if (value != (byte)'\n' && _half.Count < MaxLineBytes)
                {
                    _half.Add(value);
                    continue;
                }
                lines.Add(Encoding.UTF8.GetString([.. _half]).TrimEnd('\r'));
                _half.Clear();
                if (value != (byte)'\n') _half.Add(value);
            }
            return lines;
        }
    }
}
