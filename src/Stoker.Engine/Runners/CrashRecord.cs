using Stoker.Core.Errors;

namespace Stoker.Engine.Runners;

/// <summary>
/// When runners of a model ended by themselves. Three times within a minute and the model is refused for a while: a file or a
/// machine that kills it at once would otherwise be tried for ever. Thread-safe.
/// </summary>
public sealed class CrashRecord(TimeProvider time)
{
    public const int MaxCrashes = 3;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Models remembered; the rest is forgotten, which only allows another try.</summary>
    private const int MaxModels = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _models = [];

    public void Note(string model, string reason)
    {
        lock (_lock)
        {
            if (_models.Count >= MaxModels) _models.Clear();
            if (!_models.TryGetValue(model, out var entry)) _models[model] = entry = new Entry();
            entry.Times.Enqueue(time.GetUtcNow());
            while (entry.Times.Count > MaxCrashes) entry.Times.Dequeue();
            entry.Reason = reason;
        }
    }

    /// <exception cref="StokerException">Unavailable: it crashed too often; the message has the last reason, RetryAfter the wait.</exception>
    public void Check(string model)
    {
        lock (_lock)
        {
            if (!_models.TryGetValue(model, out var entry) || entry.Times.Count < MaxCrashes) return;
            var again = entry.Times.Peek() + Window - time.GetUtcNow();
            if (again <= TimeSpan.Zero) return;
            throw new StokerException(ErrorKind.Unavailable, $"The runner of {model} crashed {MaxCrashes} times within a minute, so it is not started now. {entry.Reason}")
            {
                RetryAfter = again,
            };
        }
    }

    private sealed class Entry
    {
        public Queue<DateTimeOffset> Times { get; } = new();
        public string Reason { get; set; } = "";
    }
}
