namespace Stoker.Scenarios.Sessions;

/// <summary>What an actor of the session lab has said: which state each session must have after it was killed.</summary>
internal sealed class SessionWitness
{
    private readonly Dictionary<string, string> _known = [];
    private readonly Dictionary<string, string> _pending = [];

    /// <summary>Changes that are known to be done.</summary>
    internal int Done { get; private set; }

    internal string? Error { get; private set; }

    internal void Hear(string line)
    {
        var words = line.Split(' ');
        switch (words[0])
        {
            case "begin":
                for (var at = 1; at + 1 < words.Length; at += 2) _pending[words[at]] = words[at + 1];
                break;
            case "done":
                foreach (var (name, state) in _pending) _known[name] = state;
                _pending.Clear();
                Done++;
                break;
            case "error":
                Error = line;
                break;
        }
    }

    /// <summary>Compares with what lies on disk (<c>NAME STATE</c> lines), and goes on from there. The change under way may have happened whole or not at all.</summary>
    internal void Compare(string found, string when)
    {
        var states = found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(' ')).ToDictionary(static words => words[0], static words => words[1]);
        string StateOf(string name) => states.GetValueOrDefault(name, "gone");
        var happened = _pending.Count > 0 && _pending.All(pair => StateOf(pair.Key) == pair.Value);
        foreach (var name in _known.Keys.Concat(states.Keys).Concat(_pending.Keys).Distinct())
        {
            var expected = happened && _pending.TryGetValue(name, out var next) ? next : _known.GetValueOrDefault(name, "gone");
            Assert.True(StateOf(name) == expected, $"{when}: session {name} is {StateOf(name)}, and was {expected}{(_pending.TryGetValue(name, out var wanted) ? $" (on its way to {wanted})" : "")}");
        }
        _known.Clear();
        _pending.Clear();
        foreach (var (name, state) in states) _known[name] = state;
    }
}
