using System.Globalization;
using Stoker.Core.Budget;
using Stoker.Engine.Protocol;

namespace Stoker.Bench.Kv;

/// <summary>Less memory than the conversation and the weights have: the stock buffer type is killed there, files are read again.</summary>
internal static class KvPressureBench
{
    public static async Task<IReadOnlyList<Figure>> RunAsync(KvBench bench, CancellationToken cancellationToken)
    {
        const string shape = "0.5bs";
        const int context = 131_072, filled = 60_000;
        var tokens = bench.IsQuick ? 2 : 6;
        var state = bench.State(shape, filled, slots: 1);
        var figures = new List<Figure>();
        var weights = new FileInfo(bench.Model(shape)).Length;
        var workingSet = weights + new FileInfo(state).Length;
        double? expected = null;
        foreach (var share in new[] { 0, 1, 0.5, 0.25 })
        {
            var limit = share == 0 ? 64L << 30 : (long)(share * workingSet) + (64 << 20);
            using var group = MemoryGroup.TryCreate(limit);
            if (group is null) return [Figure.Told("under pressure", double.NaN, "", "not measured: no memory control group can be made here")];
            if (share == 0.5) figures.Add(await StockAsync(bench, shape, context, group, limit, cancellationToken));
            var (rate, hash) = await FilesAsync(bench, shape, context, state, tokens, group, cancellationToken);
            var name = share == 0 ? "no limit" : string.Create(CultureInfo.InvariantCulture, $"{share} of the working set");
            expected ??= hash;
            figures.Add(Figure.Told(
                $"{shape} at 60,000, files, {name}", rate, "tokens/s", $"limit {ByteCount.Text(limit)} of {ByteCount.Text(workingSet)}; the same logits: {(hash == expected ? "yes" : "NO")}"));
            if (hash != expected) figures.Add(Figure.AtLeast($"{shape}: the same logits, {name}", 0, 1, "", ""));
        }
        return figures;
    }

    /// <summary>32 billion parameters in 2.5 GiB: each token reads the weights from the disk.</summary>
    public static async Task<IReadOnlyList<Figure>> LargeModelAsync(KvBench bench, CancellationToken cancellationToken)
    {
        if (bench.IsQuick) return [];
        var model = bench.Model("32b");
        const long limit = 2560L << 20;
        using var group = MemoryGroup.TryCreate(limit);
        if (group is null) return [Figure.Told("32b under pressure", double.NaN, "", "not measured: no memory control group can be made here")];
        await using var side = await bench.StartAsync(KvMode.Ssd, "32b", 65_536, 1, group, cancellationToken);
        await side.AskAsync("prefill 8", cancellationToken);
        var rate = await side.AskAsync("decode 1 1", cancellationToken);
        var memory = side.Memory();
        bench.RemoveCells();
        bench.Remove(model);
        return
        [
            Figure.Told("32b at 65,536 in 2.5 GiB: RssAnon", memory.Anonymous, "MiB", memory.ToString()),
            Figure.Told("32b at 65,536 in 2.5 GiB: decode", rate, "tokens/s", "weights read from the disk for each token"),
        ];
    }

    private static async Task<(double Rate, double Hash)> FilesAsync(
        KvBench bench, string shape, int context, string state, int tokens, MemoryGroup group, CancellationToken cancellationToken)
    {
        await using var side = await bench.StartAsync(KvMode.Ssd, shape, context, 1, group, cancellationToken);
        await side.AskAsync($"load 0 {state}", cancellationToken);
        var rate = await side.AskAsync($"decode 1 {tokens}", cancellationToken);
        var hash = await side.AskAsync("hash", cancellationToken);
        bench.RemoveCells();
        return (rate, hash);
    }

    private static async Task<Figure> StockAsync(KvBench bench, string shape, int context, MemoryGroup group, long limit, CancellationToken cancellationToken)
    {
        var name = $"{shape}: the stock buffer type is killed in {ByteCount.Text(limit)}";
        try
        {
            await using var side = await bench.StartAsync(KvMode.Ram, shape, context, 1, group, cancellationToken);
            return Figure.AtLeast(name, 0, 1, "", "it was not");
        }
        catch (InvalidOperationException error)
        {
            return Figure.AtLeast(name, error.Message.Contains("137", StringComparison.Ordinal) ? 1 : 0, 1, "", error.Message);
        }
    }
}
