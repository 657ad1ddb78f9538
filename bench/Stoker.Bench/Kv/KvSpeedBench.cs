using System.Globalization;
using Stoker.Engine.Protocol;

namespace Stoker.Bench.Kv;

/// <summary>Decoding in files against the stock buffer type, in interleaved pairs of two processes that hold the same.</summary>
internal static class KvSpeedBench
{
    public static async Task<IReadOnlyList<Figure>> DecodeAsync(KvBench bench, CancellationToken cancellationToken)
    {
        const int context = 32_768, filled = 16_000;
        var shape = bench.MainShape;
        var state = bench.State(shape, filled, slots: 1);
        await using var ssd = await bench.StartAsync(KvMode.Ssd, shape, context, 1, null, cancellationToken);
        await using var stock = await bench.StartAsync(KvMode.Ram, shape, context, 1, null, cancellationToken);
        foreach (var side in new[] { ssd, stock }) await side.AskAsync("prefill 16", cancellationToken);
        var figures = new List<Figure> { await PairsAsync(bench, $"{shape}: decode, nearly empty, files / stock", ssd, stock, 1, tokens: 16, cancellationToken) };
        foreach (var side in new[] { ssd, stock })
        {
            await side.AskAsync("truncate 0", cancellationToken);
            await side.AskAsync($"load 0 {state}", cancellationToken);
        }
        figures.Add(await PairsAsync(bench, $"{shape}: decode at 16,000, files / stock", ssd, stock, 1, tokens: 8, cancellationToken));
        return figures;
    }

    public static async Task<IReadOnlyList<Figure>> StreamsAsync(KvBench bench, CancellationToken cancellationToken)
    {
        const int slots = 4, filled = 2000;
        const string shape = "0.5bs";
        var state = bench.State(shape, filled, slots);
        await using var ssd = await bench.StartAsync(KvMode.Ssd, shape, 4096, slots, null, cancellationToken);
        await using var stock = await bench.StartAsync(KvMode.Ram, shape, 4096, slots, null, cancellationToken);
        foreach (var side in new[] { ssd, stock })
        {
            for (var slot = 0; slot < slots; slot++) await side.AskAsync($"load {slot} {state}", cancellationToken);
        }
        return [await PairsAsync(bench, $"{shape}: four conversations of 2,000 in a batch, files / stock", ssd, stock, slots, tokens: 32, cancellationToken)];
    }

    public static async Task<IReadOnlyList<Figure>> ForkAsync(KvBench bench, CancellationToken cancellationToken)
    {
        const int forks = 16, filled = 16_000;
        var shape = bench.MainShape;
        bench.RemoveCells();
        await using var side = await bench.StartAsync(KvMode.Ssd, shape, 16_384, forks + 1, null, cancellationToken);
        await side.AskAsync($"load 0 {bench.State(shape, filled, forks + 1)}", cancellationToken);
        await side.AskAsync("decode 1 1", cancellationToken);
        var one = bench.CellsBytes();
        var middle = await side.AskAsync($"fork {forks}", cancellationToken);
        await side.AskAsync($"decode {forks + 1} 1", cancellationToken);
        var all = bench.CellsBytes();
        var mapped = ProcFiles.RollupMib(side.ProcessId, "Pss_File");
        var detail = string.Create(CultureInfo.InvariantCulture, $"{one >> 20} MiB alone, {all >> 20} MiB with {forks} forks; mapped with the weights {mapped:0} MiB");
        return
        [
            Figure.AtMost($"{shape}: a fork of 16,000 tokens", middle, 10, "ms", "median of 16, up to the first decode"),
            Figure.AtMost($"{shape}: bytes on disk with 16 forks / of one", all / (double)one, 1.1, "", detail),
        ];
    }

    private static async Task<Figure> PairsAsync(
        KvBench bench, string name, KvProbeProcess ssd, KvProbeProcess stock, int slots, int tokens, CancellationToken cancellationToken)
    {
        var ours = new List<double>();
        var theirs = new List<double>();
        for (var pair = 0; pair < (bench.IsQuick ? 3 : 5); pair++)
        {
            // Who goes first alternates, so that a drift of the machine favours nobody.
            if (pair % 2 == 0) theirs.Add(await stock.AskAsync($"decode {slots} {tokens}", cancellationToken));
            ours.Add(await ssd.AskAsync($"decode {slots} {tokens}", cancellationToken));
            if (pair % 2 == 1) theirs.Add(await stock.AskAsync($"decode {slots} {tokens}", cancellationToken));
        }
        var ratio = Samples.Median(ours.Zip(theirs, static (a, b) => a / b));
        return Figure.AtLeast(name, ratio, 0.97, "", $"{Samples.Range(ours, "0.00")} of {Samples.Range(theirs, "0.00")} tokens/s");
    }
}
