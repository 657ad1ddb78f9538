namespace Stoker.Engine.Decoding;

/// <summary>A kept conversation as a candidate.</summary>
/// <param name="Tokens">Those whose cells are there.</param>
/// <param name="IsTaken">Somebody answers in it, or it has a name: its end is not ours to overwrite.</param>
/// <param name="Points">Numbers of cells it can be cut to where it cannot be cut anywhere; its own end need not be among them.</param>
public readonly record struct KeptPrefix(IReadOnlyList<int> Tokens, bool IsTaken, IReadOnlyList<int> Points);

/// <summary>What a new prompt does with a kept conversation.</summary>
public enum PrefixUse
{
    /// <summary>Nothing: it begins anew.</summary>
    None,

    /// <summary>It goes on in it.</summary>
    Continue,

    /// <summary>It begins as a copy that shares the cells.</summary>
    Fork,
}

/// <param name="Index">Which of the kept ones.</param>
/// <param name="Cells">How many of its cells are used.</param>
public readonly record struct PrefixPlan(PrefixUse Use, int Index, int Cells);

/// <summary>
/// Which kept conversation a prompt begins like: the longest common beginning wins. All candidates are of one scope already. Pure.
/// </summary>
public static class PrefixChoice
{
    /// <summary>Shorter beginnings are decoded again: that is over before anybody notices.</summary>
    public const int LeastCells = 32;

    /// <param name="kept">The latest used first; of equals the first wins.</param>
    /// <param name="canCut">Cells from anywhere on can be forgotten.</param>
    /// <param name="canFork">A copy can share cells.</param>
    public static PrefixPlan Choose(ReadOnlySpan<int> prompt, IReadOnlyList<KeptPrefix> kept, bool canCut, bool canFork)
    {
        var best = default(PrefixPlan);
        for (var i = 0; i < kept.Count; i++)
        {
            var candidate = kept[i];
            var cells = Usable(Common(prompt, candidate.Tokens), candidate, canCut);
            if (cells < LeastCells || cells < best.Cells) continue;
            var use = UseOf(candidate, cells, canFork);
            if (use == PrefixUse.None) continue;
            if (cells > best.Cells || (use == PrefixUse.Continue && best.Use == PrefixUse.Fork)) best = new PrefixPlan(use, i, cells);
        }
        return best;
    }

    /// <summary>Tokens that both begin with; never the prompt's last, whose logits are needed.</summary>
    public static int Common(ReadOnlySpan<int> prompt, IReadOnlyList<int> tokens)
    {
        var most = Math.Min(prompt.Length - 1, tokens.Count);
        var count = 0;
        while (count < most && prompt[count] == tokens[count]) count++;
        return count;
    }

    /// <summary>How many of the common cells it can be cut to.</summary>
    public static int Usable(int common, KeptPrefix candidate, bool canCut)
    {
        if (canCut || common == candidate.Tokens.Count) return common;
        var usable = 0;
        foreach (var point in candidate.Points)
        {
            if (point <= common) usable = Math.Max(usable, point);
        }
        return usable;
    }

    /// <summary>Of a model that cannot cut anywhere: numbers of cells it shall be able to return to, while it computes a prompt.</summary>
    /// <param name="cells">What it has of the prompt.</param>
    /// <param name="question">Where its last question begins: another one has the cells before in common.</param>
    public static IReadOnlyList<int> PointsAhead(int cells, int question, int prompt) =>
        question >= cells + LeastCells && question < prompt - 1 ? [question, prompt - 1] : [prompt - 1]; // asked for again, the prompt lacks its last token's logits alone

    // Going on in it loses what comes after; where copies cost nothing, only its exact continuation does that.
    private static PrefixUse UseOf(KeptPrefix candidate, int cells, bool canFork)
    {
        var lost = candidate.Tokens.Count - cells;
        if (!candidate.IsTaken && (lost == 0 || (!canFork && lost <= cells))) return PrefixUse.Continue;
        return canFork ? PrefixUse.Fork : PrefixUse.None;
    }
}
