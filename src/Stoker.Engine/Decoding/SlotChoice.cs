namespace Stoker.Engine.Decoding;

/// <summary>
/// Which slot a conversation gets. Conversations that are decoded together must lie in slots side by side, or llama.cpp computes
/// them one after the other. Pure.
/// </summary>
public static class SlotChoice
{
    /// <summary>The best of the slots that nobody decodes in; null: there is none.</summary>
    /// <param name="active">For each slot: somebody decodes in it.</param>
    /// <param name="own">Where the conversation is already, or null.</param>
    /// <param name="lastUsed">For each slot: when its conversation was used last; less than 0: it is empty.</param>
    /// <param name="staysPut">Moving costs more than it gains (cells in memory).</param>
    public static int? Choose(IReadOnlyList<bool> active, int? own, IReadOnlyList<long> lastUsed, bool staysPut)
    {
        if (own is { } seat && (staysPut || Gaps(active, seat) == 0)) return seat;
        int? best = null;
        for (var slot = 0; slot < active.Count; slot++)
        {
            if (active[slot]) continue;
            if (best is not { } other || Rank(slot).CompareTo(Rank(other)) < 0) best = slot;
        }
        return best;
        (int Gaps, long LastUsed) Rank(int slot) => (Gaps(active, slot), slot == own ? -1 : lastUsed[slot]);
    }

    /// <summary>A conversation in the last active slot that should move into a gap, or null: they lie side by side.</summary>
    public static (int From, int To)? Gap(IReadOnlyList<bool> active)
    {
        var first = -1;
        var gap = -1;
        var last = -1;
        for (var slot = 0; slot < active.Count; slot++)
        {
            if (active[slot])
            {
                if (first < 0) first = slot;
                last = slot;
            }
            else if (first >= 0 && gap < 0)
            {
                gap = slot;
            }
        }
        return gap >= 0 && gap < last ? (last, gap) : null;
    }

    private static int Gaps(IReadOnlyList<bool> active, int with)
    {
        var (first, last, count) = (with, with, 1);
        for (var slot = 0; slot < active.Count; slot++)
        {
            if (!active[slot] || slot == with) continue;
            first = Math.Min(first, slot);
            last = Math.Max(last, slot);
            count++;
        }
        return last - first + 1 - count;
    }
}
