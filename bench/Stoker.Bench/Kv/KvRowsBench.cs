using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>DiskLLM's six rows as shapes, all four figures of both sides where both fit.</summary>
internal static class KvRowsBench
{
    private const long CgroupBytes = 2560L << 20;
    private const string Largest = "32b";

    private static readonly (string Shape, int ContextTokens)[] Rows = [("3b", 65_536), ("7b", 65_536), ("7b", 262_144), ("lfm2-8b", 131_072), ("14b", 65_536)];

    private static readonly (string Shape, int ContextTokens)[] QuickRows = [("thin", 65_536), ("lfm2moet", 131_072)];

    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        foreach (var (shape, contextTokens) in lab.Quick ? QuickRows : Rows)
        {
            foreach (var side in new[] { "stock", "ssd" }) await RowAsync(lab, tell, side, shape, contextTokens, cancellationToken);
        }
    }

    /// <summary>The sixth row: each token reads most of its weights from the disk.</summary>
    public static async Task RunLargestAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "7b" : Largest;
        const int contextTokens = 65_536;
        var name = string.Create(CultureInfo.InvariantCulture, $"{shape} at {contextTokens}, ssd, in {CgroupBytes >> 20} MiB: RssAnon");
        using var cgroup = MemoryCgroup.TryCreate(CgroupBytes, out var reason);
        if (cgroup is null)
        {
            tell(Figure.Told(name, double.NaN, "MiB", reason!));
            return;
        }
        tell(Figure.Told($"{shape} at {contextTokens}, stock: RssAnon", double.NaN, "MiB", string.Create(CultureInfo.InvariantCulture, $"not run: its cells alone take {KvLab.CellsMib(shape, contextTokens):0} MiB, cleared when the context is made")));
        KvLab.Drop(lab.Model(shape));
        await using var child = await lab.StartAsync("ssd", shape, contextTokens, cancellationToken, cgroup: cgroup);
        const int tokens = 3;
        var (memory, done, detail) = await AnswerAsync(child, tokens, cancellationToken);
        tell(Figure.AtLeast($"{shape} at {contextTokens}, ssd, in {CgroupBytes >> 20} MiB: tokens it finishes", done, tokens, "", $"a model of {new FileInfo(lab.Model(shape)).Length >> 20} MiB"));
        tell(Figure.Told(name, memory.RssAnon, "MiB", string.Create(CultureInfo.InvariantCulture, $"{detail}; cgroup v{cgroup.Version}, peak {cgroup.PeakMib:0}")));
    }

    private static async Task RowAsync(KvLab lab, Action<Figure> tell, string side, string shape, int contextTokens, CancellationToken cancellationToken)
    {
        var name = $"{shape} at {contextTokens}, {side}: RssAnon";
        if (side == "stock" && !lab.HasRoom(shape, contextTokens, out var why))
        {
            tell(Figure.Told(name, double.NaN, "MiB", why));
            return;
        }
        await using var child = await lab.StartAsync(side, shape, contextTokens, cancellationToken);
        var (memory, _, detail) = await AnswerAsync(child, 8, cancellationToken);
        tell(Figure.Told(name, memory.RssAnon, "MiB", detail));
    }

    private static async Task<(MemorySample Memory, int Tokens, string Detail)> AnswerAsync(KvChildProcess child, int tokens, CancellationToken cancellationToken)
    {
        await child.AskAsync("prefill 0 16", cancellationToken);
        var answer = await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"decode 0 {tokens}"), cancellationToken);
        var memory = child.Memory();
        return (memory, answer.Tokens, string.Create(CultureInfo.InvariantCulture, $"{memory}; context made in {child.Opened.Seconds:0.00} s, {answer.Rate:0.00} tokens/s"));
    }
}
