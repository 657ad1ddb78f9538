using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>The memory of a runner's context, nearly empty and filled.</summary>
internal static class KvMemoryBench
{
    private const int ContextTokens = 65_536;
    private const int LongContextTokens = 262_144;
    private const int PromptTokens = 64;
    private const int AnswerTokens = 8;

    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        var cells = lab.Quick ? 8000 : 60_000;
        using var state = lab.NewState(cells);
        var hashes = new List<string>();
        foreach (var side in new[] { "stock", "ssd" })
        {
            await using var child = await lab.StartAsync(side, shape, ContextTokens, cancellationToken);
            tell(Bar(side, lab.Quick, "seconds to make a context of 65536", child.Opened.Seconds, 0.3, "s", ""));
            var (empty, emptyHash) = await AnswerAsync(child, cancellationToken);
            tell(Bar(side, lab.Quick, "RssAnon at 65536, nearly empty", empty.RssAnon, 80, "MiB", empty.ToString()));
            var filled = await lab.FillAsync(child, 0, cells, state, cancellationToken);
            var answer = await child.AskAsync($"decode 0 {AnswerTokens}", cancellationToken);
            var memory = child.Memory();
            var detail = string.Create(CultureInfo.InvariantCulture, $"{memory}; filled in {filled.Seconds:0.0} s, {answer.Rate:0.00} tokens/s");
            var name = $"RssAnon at 65536, decoding at {cells}";
            tell(side == "ssd" ? Bar(side, lab.Quick, name, memory.RssAnon, 100, "MiB", detail)
                : lab.Quick ? Figure.Told($"{name}, stock", memory.RssAnon, "MiB", detail)
                : Figure.AtLeast($"{name}, stock", memory.RssAnon, 3600, "MiB", detail));
            hashes.Add(emptyHash + answer.Hash);
        }
        tell(Same("logits of both sides are equal, bit for bit", hashes));
    }

    /// <summary>A context four times as large.</summary>
    public static async Task RunLongAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        foreach (var side in new[] { "stock", "ssd" })
        {
            if (side == "stock" && !lab.HasRoom(shape, LongContextTokens, out var why))
            {
                tell(Figure.Told("RssAnon at 262144, nearly empty, stock", double.NaN, "MiB", why));
                continue;
            }
            await using var child = await lab.StartAsync(side, shape, LongContextTokens, cancellationToken);
            var (memory, _) = await AnswerAsync(child, cancellationToken);
            var detail = string.Create(CultureInfo.InvariantCulture, $"{memory}; made in {child.Opened.Seconds:0.00} s");
            tell(Bar(side, lab.Quick, "RssAnon at 262144, nearly empty", memory.RssAnon, 130, "MiB", detail));
        }
    }

    /// <summary>A short prompt and a few tokens; what the process occupies after.</summary>
    private static async Task<(MemorySample Memory, string Hash)> AnswerAsync(KvChildProcess child, CancellationToken cancellationToken)
    {
        var prompt = await child.AskAsync($"prefill 0 {PromptTokens}", cancellationToken);
        var answer = await child.AskAsync($"decode 0 {AnswerTokens}", cancellationToken);
        return (child.Memory(), prompt.Hash + answer.Hash);
    }

    /// <summary>Bars hold for our side at full size; everything else is told.</summary>
    private static Figure Bar(string side, bool quick, string name, double value, double bar, string unit, string detail) =>
        side == "ssd" && !quick ? Figure.AtMost($"{name}, {side}", value, bar, unit, detail) : Figure.Told($"{name}, {side}", value, unit, detail);

    internal static Figure Same(string name, IReadOnlyList<string> hashes) =>
        Figure.AtLeast(name, hashes.Distinct().Count() == 1 ? 1 : 0, 1, "", string.Join(" ", hashes.Distinct().Select(static hash => hash[^16..])));
}
