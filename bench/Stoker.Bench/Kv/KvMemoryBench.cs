using System.Globalization;
using Stoker.Core.Budget;
using Stoker.Engine.Protocol;
using TinyModel;

namespace Stoker.Bench.Kv;

/// <summary>What a context needs of memory, nearly empty and filled, and while a prompt is computed at depth.</summary>
internal static class KvMemoryBench
{
    private const int Context = 65_536;
    private const int Filled = 60_000;

    public static async Task<IReadOnlyList<Figure>> RunAsync(KvBench bench, CancellationToken cancellationToken)
    {
        var shape = bench.MainShape;
        var state = bench.State(shape, Filled, slots: 1);
        var (ssd, ssdHash) = await SideAsync(bench, KvMode.Ssd, state, cancellationToken);
        var (stock, stockHash) = await SideAsync(bench, KvMode.Ram, state, cancellationToken);
        var figures = new List<Figure>
        {
            Figure.AtMost($"{shape}: RssAnon at 65,536, nearly empty", ssd.Empty.Anonymous, 80, "MiB", $"{ssd.Empty}; stock: {stock.Empty}"),
            Figure.AtMost($"{shape}: RssAnon decoding at 60,000", ssd.Full.Anonymous, 100, "MiB", ssd.Full.ToString()),
            bench.IsQuick
                ? Figure.Told($"{shape}: the stock buffer type there", stock.Full.Anonymous, "MiB", stock.Full.ToString())
                : Figure.AtLeast($"{shape}: the stock buffer type there", stock.Full.Anonymous, 3600, "MiB", stock.Full.ToString()),
            Figure.AtMost($"{shape}: context of 65,536 made in", ssd.CreationMs, 300, "ms", string.Create(CultureInfo.InvariantCulture, $"stock: {stock.CreationMs:0} ms")),
            Figure.AtLeast($"{shape}: logits at 60,000 equal to stock's", ssdHash == stockHash ? 1 : 0, 1, "", "hash of the whole row"),
            Figure.AtMost($"{shape}: 60,000 tokens leave a slot and come back", ssd.SwitchMs, 60, "ms", $"median of 7, {ssd.Switches}"),
        };
        await using var large = await bench.StartAsync(KvMode.Ssd, shape, 262_144, 1, null, cancellationToken);
        await WarmAsync(large, cancellationToken);
        var memory = large.Memory();
        figures.Add(Figure.AtMost($"{shape}: RssAnon at 262,144, nearly empty", memory.Anonymous, 130, "MiB", $"{memory}; made in {large.CreationMs:0} ms"));
        return figures;
    }

    public static async Task<IReadOnlyList<Figure>> PrefillAsync(KvBench bench, CancellationToken cancellationToken)
    {
        const string shape = "0.5bs";
        var tokens = bench.IsQuick ? 128 : 512;
        var state = bench.State(shape, Filled, slots: 1);
        var ours = new List<double>();
        var theirs = new List<double>();
        double peak = 0, after = 0, stockPeak = 0;
        await using var ssd = await bench.StartAsync(KvMode.Ssd, shape, Context, 1, null, cancellationToken);
        await using var stock = await bench.StartAsync(KvMode.Ram, shape, Context, 1, null, cancellationToken);
        foreach (var side in new[] { ssd, stock }) await side.AskAsync($"load 0 {state}", cancellationToken);
        for (var pair = 0; pair < (bench.IsQuick ? 1 : 3); pair++)
        {
            var (seconds, seen) = await ssd.AskWatchedAsync($"prefill {tokens}", cancellationToken);
            ours.Add(seconds);
            peak = Math.Max(peak, seen);
            await ssd.AskAsync("release", cancellationToken);
            after = ssd.Memory().Anonymous;
            (seconds, seen) = await stock.AskWatchedAsync($"prefill {tokens}", cancellationToken);
            theirs.Add(seconds);
            stockPeak = Math.Max(stockPeak, seen);
            foreach (var side in new[] { ssd, stock }) await side.AskAsync($"truncate {Filled}", cancellationToken);
        }
        var ratio = Samples.Median(ours.Zip(theirs, static (a, b) => b / a));
        return
        [
            Figure.AtMost($"{shape}: peak RssAnon of a prefill at 60,000", peak, 80, "MiB", string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens; stock: {stockPeak:0}")),
            Figure.AtMost($"{shape}: RssAnon after it", after, 40, "MiB", ssd.Memory().ToString()),
            Figure.AtLeast($"{shape}: its speed / stock's", ratio, 0.8, "", $"{Samples.Range(ours)} s of {Samples.Range(theirs)} s"),
        ];
    }

    /// <summary>DiskLLM's rows, as shapes. The stock side runs where it fits.</summary>
    public static async Task<IReadOnlyList<Figure>> ShapesAsync(KvBench bench, CancellationToken cancellationToken)
    {
        var figures = new List<Figure>();
        (string Shape, int Context)[] rows = bench.IsQuick ? [("0.5bs", Context)] : [("3b", Context), ("8bh", 131_072), ("14b", Context)];
        foreach (var (shape, context) in rows)
        {
            bench.Say(shape);
            var model = bench.Model(shape);
            KvMemory ssd, stock;
            await using (var side = await bench.StartAsync(KvMode.Ssd, shape, context, 1, null, cancellationToken))
            {
                await WarmAsync(side, cancellationToken);
                ssd = side.Memory();
            }
            var cells = CacheBytes(shape, context);
            var text = "stock: not run, its cells do not fit";
            if (cells + (2L << 30) < new SystemMemoryGauge().Read().AvailableBytes)
            {
                await using var side = await bench.StartAsync(KvMode.Ram, shape, context, 1, null, cancellationToken);
                await WarmAsync(side, cancellationToken);
                stock = side.Memory();
                text = $"stock: {stock}";
            }
            figures.Add(Figure.Told($"{shape} at {context}: RssAnon", ssd.Anonymous, "MiB", $"{ssd}; cells {ByteCount.Text(cells)}; {text}"));
            bench.RemoveCells();
            bench.Remove(model);
        }
        return figures;
    }

    private static long CacheBytes(string shape, int context)
    {
        var extents = ModelShape.Named(shape);
        return Enumerable.Range(0, extents.Layers).Sum(layer => 4L * extents.KeyValueHeadsOf(layer) * extents.HeadLength * context);
    }

    private static async Task WarmAsync(KvProbeProcess side, CancellationToken cancellationToken)
    {
        await side.AskAsync("prefill 16", cancellationToken);
        await side.AskAsync("decode 1 2", cancellationToken);
        await side.AskAsync("release", cancellationToken);
    }

    private static async Task<(Sides Figures, double Hash)> SideAsync(KvBench bench, KvMode mode, string state, CancellationToken cancellationToken)
    {
        bench.Say(mode == KvMode.Ssd ? "files" : "stock");
        await using var side = await bench.StartAsync(mode, bench.MainShape, Context, 1, null, cancellationToken);
        await WarmAsync(side, cancellationToken);
        var empty = side.Memory();
        await side.AskAsync("truncate 0", cancellationToken);
        await side.AskAsync($"load 0 {state}", cancellationToken);
        await side.AskAsync("decode 1 1", cancellationToken);
        var hash = await side.AskAsync("hash", cancellationToken);
        var full = side.Memory();
        var switches = new List<double>();
        for (var i = 0; mode == KvMode.Ssd && i < 7; i++) switches.Add(await side.AskAsync("switch", cancellationToken));
        bench.RemoveCells();
        return (new Sides(empty, full, side.CreationMs, Samples.Median(switches), switches.Count == 0 ? "" : Samples.Range(switches)), hash);
    }

    private sealed record Sides(KvMemory Empty, KvMemory Full, double CreationMs, double SwitchMs, string Switches);
}
