using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Stoker.Native.Llama;

/// <summary>Levels of ggml_log_level (ggml.h).</summary>
public enum LlamaLogLevel
{
    None = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Continue = 5,
}

/// <summary>
/// What llama.cpp prints, as whole lines: the last ones are kept, all are handed on. The C logger is one for the whole process,
/// so there is one of these per process, given to <see cref="LlamaLibrary.TryLoad"/>. Thread-safe.
/// </summary>
public sealed unsafe class LlamaLog
{
    /// <summary>Longest line kept, in bytes; the rest of it is dropped.</summary>
    private const int MaxLineBytes = 4096;

    private static LlamaLog? _current;

    private readonly Lock _lock = new();
    private readonly Queue<(LlamaLogLevel Level, string Line)> _last = new();
    private readonly int _capacity;
    private readonly Action<LlamaLogLevel, string>? _forward;
    private readonly List<byte> _partial = [];
    private LlamaLogLevel _partialLevel;

    /// <param name="capacity">How many lines <see cref="LastLines"/> remembers.</param>
    /// <param name="forward">Gets every line above Debug, on the thread that logged. Must not throw, must not call llama.cpp.</param>
    public LlamaLog(int capacity = 64, Action<LlamaLogLevel, string>? forward = null)
    {
        _capacity = capacity;
        _forward = forward;
    }

    /// <summary>The last lines of level Info and above, oldest first.</summary>
    public IReadOnlyList<string> LastLines()
    {
        lock (_lock) return [.. _last.Select(static entry => entry.Line)];
    }

    /// <summary>The last error lines in one, or the last lines when none was an error: what a failure's message quotes.</summary>
    internal string Reason()
    {
        lock (_lock)
        {
            var errors = _last.Where(static entry => entry.Level == LlamaLogLevel.Error).TakeLast(3).ToArray();
            var chosen = errors.Length > 0 ? errors : _last.TakeLast(3).ToArray();
            return chosen.Length > 0 ? string.Join(" | ", chosen.Select(static entry => entry.Line.Trim())) : "it gave no reason";
        }
    }

    /// <summary>Forgets what was logged so far, so that a failure's lines are its own.</summary>
    public void Clear()
    {
        lock (_lock) _last.Clear();
    }

    internal void Install()
    {
        Volatile.Write(ref _current, this);
        LlamaNative.llama_log_set(&OnLog, null);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnLog(int level, byte* text, void* userData)
    {
        if (text == null) return;
        try
        {
            Volatile.Read(ref _current)?.Append((LlamaLogLevel)level, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
        }
        catch (Exception)
        {
            // An exception must not cross into C++. A lost log line is the smaller harm.
        }
    }

    private void Append(LlamaLogLevel level, ReadOnlySpan<byte> text)
    {
        List<(LlamaLogLevel, string)> lines = [];
        lock (_lock)
        {
            if (level != LlamaLogLevel.Continue) _partialLevel = level;
            if (_partialLevel == LlamaLogLevel.Debug) return;
            while (!text.IsEmpty)
            {
                var end = text.IndexOf((byte)'\n');
                var piece = end < 0 ? text : text[..end];
                _partial.AddRange(piece[..Math.Min(piece.Length, MaxLineBytes - _partial.Count)]);
                if (end < 0) break;
                text = text[(end + 1)..];
                var line = Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(_partial));
                _partial.Clear();
                if (line.Length == 0) continue;
                if (_last.Count == _capacity) _last.Dequeue();
                _last.Enqueue((_partialLevel, line));
                lines.Add((_partialLevel, line));
            }
        }
        if (_forward is null) return;
        foreach (var (lineLevel, line) in lines) _forward(lineLevel, line);
    }
}
