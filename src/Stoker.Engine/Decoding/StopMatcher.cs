using System.Text;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Finds stop strings in text that arrives in pieces, and holds back what may be the beginning of one. The answer ends before
/// the stop string that is complete first (of those, the longest). What it says does not depend on how the text is cut.
/// Not thread-safe.
/// </summary>
public sealed class StopMatcher
{
    private readonly string[] _stops;
    private readonly StringBuilder _held = new();

    public StopMatcher(IReadOnlyList<string> stops)
    {
        if (stops.Any(string.IsNullOrEmpty)) throw new ArgumentException("A stop string is not empty.", nameof(stops));
        // Longest first: of two that end at the same place the longer one counts.
        _stops = [.. stops.OrderByDescending(static stop => stop.Length)];
    }

    /// <summary>The stop string that was found, or null. Once found, nothing more is read.</summary>
    public string? Found { get; private set; }

    /// <summary>What of the text so far may be passed on now.</summary>
    public string Push(string text)
    {
        if (Found is not null) return "";
        if (_stops.Length == 0) return text;
        var ready = new StringBuilder();
        foreach (var character in text)
        {
            _held.Append(character);
            if (FindComplete() is { } stop)
            {
                ready.Append(_held, 0, _held.Length - stop.Length);
                _held.Clear();
                Found = stop;
                return ready.ToString();
            }
            var keep = LongestBeginning();
            ready.Append(_held, 0, _held.Length - keep);
            _held.Remove(0, _held.Length - keep);
        }
        return ready.ToString();
    }

    /// <summary>The end: what was held back was no stop string.</summary>
    public string Flush()
    {
        var text = _held.ToString();
        _held.Clear();
        return text;
    }

    private string? FindComplete() => Array.Find(_stops, stop => EndsWithFirst(stop, stop.Length));

    // How many of the last characters held could be the first of a stop string.
    private int LongestBeginning()
    {
        var longest = 0;
        foreach (var stop in _stops)
        {
            for (var length = Math.Min(stop.Length - 1, _held.Length); length > longest; length--)
            {
                if (!EndsWithFirst(stop, length)) continue;
                longest = length;
                break;
            }
        }
        return longest;
    }

    private bool EndsWithFirst(string stop, int length)
    {
        var start = _held.Length - length;
        if (start < 0) return false;
        for (var i = 0; i < length; i++)
        {
            if (_held[start + i] != stop[i]) return false;
        }
        return true;
    }
}
