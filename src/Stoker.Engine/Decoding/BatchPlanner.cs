using Stoker.Engine.Kv;

namespace Stoker.Engine.Decoding;

/// <summary>What an answer could put into the next decode call.</summary>
/// <param name="PromptLeft">Tokens of its prompt that are still to be decoded; 0: it decodes one token after another.</param>
/// <param name="Cells">Tokens before them.</param>
public readonly record struct BatchWish(int PromptLeft, int Cells);

/// <summary>
/// How many tokens each answer gets in the next decode call. Everyone who decodes gets one; prompts share the rest, a little at a
/// time while somebody decodes (<see cref="PromptPace"/>), so that a long prompt makes the others slower and never silent. Pure.
/// </summary>
public static class BatchPlanner
{
    /// <summary>Tokens for each wish, in their order.</summary>
    /// <param name="besideOthers">All that prompts get if somebody decodes; may be 0.</param>
    /// <param name="turn">Counts calls: of several prompts another one comes first each time.</param>
    public static int[] Plan(IReadOnlyList<BatchWish> wishes, int microBatch, int besideOthers, int turn)
    {
        var counts = new int[wishes.Count];
        var decoding = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            if (wishes[i].PromptLeft > 0) continue;
            counts[i] = 1;
            decoding++;
        }
        if (decoding == counts.Length) return counts;
        var left = decoding > 0 ? Math.Min(microBatch, besideOthers) : microBatch;
        var withOthers = decoding > 0 ? 1 : 0; // a prompt's first token is computed with those of the others, and widens no mask
        for (var i = 0; i < counts.Length && left > 0; i++)
        {
            var at = (int)(((uint)turn + (uint)i) % (uint)counts.Length);
            if (counts[at] > 0) continue;
            var most = PrefillPlan.TokensAtOnce(wishes[at].Cells, microBatch);
            counts[at] = Math.Min(Math.Min(most + withOthers, left), wishes[at].PromptLeft);
            left = most < microBatch ? 0 : left - counts[at]; // beside a deep one no other prompt: it would widen the mask again
        }
        return counts;
    }
}
