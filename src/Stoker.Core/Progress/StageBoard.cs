namespace Stoker.Core.Progress;

/// <summary>
/// The latest report of every step and item, in the order they first appeared. A writer never waits, however slow the readers
/// are; memory is bounded by <see cref="MaxItems"/>. Thread-safe.
/// </summary>
public sealed class StageBoard : IProgress<StageProgress>
{
    /// <summary>More items than any model has files; what comes after them is not shown.</summary>
    public const int MaxItems = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<(Stage, string?), int> _places = [];
    private readonly List<StageProgress> _latest = [];
    private readonly HashSet<int> _changed = [];

    /// <summary>Called after each report that was taken in, on the reporter's thread and outside the lock.</summary>
    public Action? Changed { get; init; }

    public void Report(StageProgress value)
    {
        lock (_gate)
        {
            if (!_places.TryGetValue((value.Stage, value.Item), out var place))
            {
                if (_latest.Count >= MaxItems) return;
                place = _latest.Count;
                _places.Add((value.Stage, value.Item), place);
                _latest.Add(value);
            }
            else
            {
                _latest[place] = value;
            }
            _changed.Add(place);
        }
        Changed?.Invoke();
    }

    public IReadOnlyList<StageProgress> Snapshot()
    {
        lock (_gate) return _latest.ToArray();
    }

    /// <summary>What changed since the last call, in order of appearance; intermediate reports of one item are lost, last ones never.</summary>
    public IReadOnlyList<StageProgress> TakeChanged()
    {
        lock (_gate)
        {
            if (_changed.Count == 0) return [];
            var taken = _changed.Order().Select(place => _latest[place]).ToArray();
            _changed.Clear();
            return taken;
        }
    }
}
