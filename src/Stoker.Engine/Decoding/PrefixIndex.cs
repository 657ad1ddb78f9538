using System.Numerics;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// How the conversations on disk begin, in little memory: of each a hash of its first tokens at every 32nd, or, of models that
/// cannot forget single cells, at every state it can return to. What it finds is likely, not certain. Not thread-safe.
/// </summary>
public sealed class PrefixIndex
{
    private const int MarkTokens = PrefixChoice.LeastCells;

    private readonly OrderedDictionary<string, Entry> _entries = [];

    private sealed record Entry(string Scope, IReadOnlyList<(int Cells, ulong Hash)> Marks);

    public int Count => _entries.Count;

    /// <param name="canCut">It can be gone on with from any cell on.</param>
    public void Add(CachedConversation conversation, bool canCut)
    {
        var at = canCut ? Enumerable.Range(1, conversation.Tokens.Count / MarkTokens).Select(static block => block * MarkTokens) : conversation.Points;
        var hashes = Hashes([.. conversation.Tokens]);
        _entries.Remove(conversation.Id);
        if (_entries.Count >= CachedConversations.MostConversations) _entries.RemoveAt(0); // what came first; most likely it was evicted
        _entries[conversation.Id] = new Entry(conversation.Scope, [.. at.Append(conversation.Tokens.Count).Where(cells => cells > 0 && cells < hashes.Length).Distinct().Order().Select(cells => (cells, hashes[cells]))]);
    }

    public void Remove(string id) => _entries.Remove(id);

    /// <summary>The one that the longest part of a prompt begins like, its last token left out; null: none does by more than this many tokens.</summary>
    /// <param name="without">Those that cannot be had now; null: none.</param>
    public string? Longest(ReadOnlySpan<int> prompt, string scope, int moreThan, IReadOnlySet<string>? without = null)
    {
        var hashes = Hashes(prompt[..Math.Max(0, prompt.Length - 1)]);
        string? best = null;
        foreach (var (id, entry) in _entries)
        {
            if (entry.Scope != scope || without?.Contains(id) == true) continue;
            for (var i = entry.Marks.Count - 1; i >= 0 && entry.Marks[i].Cells > moreThan; i--)
            {
                var (cells, hash) = entry.Marks[i];
                if (cells >= hashes.Length || hashes[cells] != hash) continue;
                (best, moreThan) = (id, cells);
                break;
            }
        }
        return best;
    }

    // Of the first i tokens, for each i.
    private static ulong[] Hashes(ReadOnlySpan<int> tokens)
    {
        var hashes = new ulong[tokens.Length + 1];
        for (var i = 0; i < tokens.Length; i++) hashes[i + 1] = BitOperations.RotateLeft((hashes[i] ^ (uint)tokens[i]) * 0x9E3779B97F4A7C15, 29) + 1;
        return hashes;
    }
}
