using Stoker.Engine.Protocol;

namespace Stoker.Engine.Decoding;

/// <summary>Pure functions of a row of logits.</summary>
public static class LogitMath
{
    /// <summary>64-bit FNV-1a over the 32-bit patterns of all logits: equal only for bit-identical rows (as far as 64 bits tell).</summary>
    public static ulong Hash(ReadOnlySpan<float> logits)
    {
        var hash = 14695981039346656037UL;
        foreach (var logit in logits) hash = (hash ^ BitConverter.SingleToUInt32Bits(logit)) * 1099511628211UL;
        return hash;
    }

    /// <summary>Log of the sum of exponentials: subtracted from a logit it gives the log-probability.</summary>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        var max = float.NegativeInfinity;
        foreach (var logit in logits) max = Math.Max(max, logit);
        if (float.IsNegativeInfinity(max)) return max;
        var sum = 0.0;
        foreach (var logit in logits) sum += Math.Exp(logit - max);
        return max + Math.Log(sum);
    }

    /// <summary>The ids of the largest logits, largest first; of equal ones the lower id first.</summary>
    public static int[] Top(ReadOnlySpan<float> logits, int count)
    {
        count = Math.Min(count, logits.Length);
        var best = new List<(float Logit, int Id)>(count + 1);
        for (var id = 0; id < logits.Length; id++)
        {
            if (best.Count == count && (count == 0 || logits[id] <= best[^1].Logit)) continue;
            var at = best.Count;
            while (at > 0 && best[at - 1].Logit < logits[id]) at--;
            best.Insert(at, (logits[id], id));
            if (best.Count > count) best.RemoveAt(count);
        }
        return [.. best.Select(static entry => entry.Id)];
    }

    /// <summary>The sampled token as it is told, with what the request asked to know of it.</summary>
    public static TokenSample Describe(int token, ReadOnlySpan<float> logits, GenerationRequest request, Func<int, byte[]> bytesOf)
    {
        var sample = new TokenSample(token, bytesOf(token));
        if (request.LogitHashes) sample = sample with { LogitHash = Hash(logits) };
        if (request.LogProbs is not { } alternatives) return sample;
        var total = LogSumExp(logits);
        var top = new List<TokenAlternative>(alternatives);
        foreach (var id in Top(logits, alternatives)) top.Add(new TokenAlternative(id, bytesOf(id), Finite(logits[id] - total)));
        return sample with { LogProb = Finite(logits[token] - total), Top = top };
    }

    // JSON has no infinities; this is what OpenAI's API says for "will never happen".
    private static float Finite(double value) => double.IsFinite(value) ? (float)value : -9999f;
}
