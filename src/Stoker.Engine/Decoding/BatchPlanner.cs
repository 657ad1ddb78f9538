using Stoker.Engine.Kv;

namespace Stoker.Engine.Decoding;

/// <summary>What an answer could put into the next decode call.</summary>
/// <param name="PromptLeft">Tokens of its prompt that are still to be decoded; 0: it decodes one token after another.</param>
/// <param name="Cells">Tokens before them.</param>
public readonly record struct BatchWish(int PromptLeft, int Cells);

/// <summary>
/// How many tokens each answer gets in the next decode call. Everyone who decodes gets one; prompts share the rest, a little at a
/// time while somebody decodes, so that a long prompt makes the others slower and never silent. Pure.
/// </summary>
public static class BatchPlanner
{
    /// <summary>Prompt tokens of a call in which others decode: what their next token waits for.</summary>
    public const int PromptTokensBesideOthers = 128;

    /// <summary>Tokens for each wish, in their order.</summary>
    /// <param name="turn">Counts calls: of several prompts another one comes first each time.</param>
    public static int[] Plan(IReadOnlyList<BatchWish> wishes, int microBatch, int turn)
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
        var left = decoding > 0 ? Math.Min(microBatch, PromptTokensBesideOthers) : microBatch;
        for (var i = 0; i < counts.Length && left > 0; i++)
        {
            var at = (int)(((uint)turn + (uint)i) % (uint)counts.Length);
            if (counts[at] > 0) continue;
            var most = PrefillPlan.TokensAtOnce(wishes[at].Cells, microBatch);
            counts[at] = Math.Min(Math.Min(most, left), wishes[at].PromptLeft);
            left = most < microBatch ? 0 : left - counts[at]; // beside a deep one no other prompt: it would widen the mask again
        }
        return counts;
    }
}
