using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>Tokens a second of both sides, in interleaved pairs of the same work.</summary>
internal static class KvSpeedBench
{
    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        var cells = lab.Quick ? 4000 : 16_000;
        using var state = lab.NewState(cells);
        await using var ours = await lab.StartAsync("ssd", shape, 32_768, cancellationToken);
        await using var stock = await lab.StartAsync("stock", shape, 32_768, cancellationToken);
        foreach (var child in new[] { ours, stock }) await child.AskAsync("prefill 0 64", cancellationToken);
        await PairsAsync(lab, ours, stock, "decode 0 16", lab.Quick ? 3 : 9, "decode, nearly empty, / stock", tell, cancellationToken);
        foreach (var child in new[] { ours, stock })
        {
            await lab.FillAsync(child, 0, cells, state, cancellationToken);
            // The first token after a fill finds the cells in nobody's cache.
            await child.AskAsync("decode 0 1", cancellationToken);
        }
        await PairsAsync(lab, ours, stock, "decode 0 6", lab.Quick ? 3 : 9, $"decode at {cells} tokens / stock", tell, cancellationToken);
    }

    /// <summary>Four conversations in one batch, against the library's own streams.</summary>
    public static async Task RunBatchAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        const int slots = 4;
        await using var ours = await lab.StartAsync("ssd", shape, 4096, cancellationToken, slots);
        await using var stock = await lab.StartAsync("stock", shape, 4096, cancellationToken, slots);
        foreach (var child in new[] { ours, stock })
        {
            for (var slot = 0; slot < slots; slot++) await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"prefill {slot} {16 + (8 * slot)}"), cancellationToken);
            await child.AskAsync("decode-all 1", cancellationToken);
        }
        await PairsAsync(lab, ours, stock, "decode-all 6", lab.Quick ? 3 : 7, "four conversations in one batch / stock's streams", tell, cancellationToken);
    }

    private static Task PairsAsync(
        KvLab lab, KvChildProcess ours, KvChildProcess stock, string command, int pairs, string name, Action<Figure> tell, CancellationToken cancellationToken) =>
        PairsAsync(lab, ours, stock, [command], pairs, name, tell, cancellationToken);

    /// <param name="commands">The last one is measured.</param>
    internal static async Task PairsAsync(
        KvLab lab, KvChildProcess ours, KvChildProcess stock, IReadOnlyList<string> commands, int pairs, string name, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var rates = new List<double>();
        var stockRates = new List<double>();
        var same = true;
        for (var pair = 0; pair < pairs; pair++)
        {
            // Who goes first alternates, so that a drift of the machine favours nobody.
            var theirs = pair % 2 == 0 ? await AskAsync(stock) : null;
            var own = await AskAsync(ours);
            theirs ??= await AskAsync(stock);
            rates.Add(own.Rate);
            stockRates.Add(theirs.Rate);
            same &= own.Hash == theirs.Hash;
        }
        var ratio = Samples.Median(rates.Zip(stockRates, static (a, b) => a / b));
        var detail = string.Create(
            CultureInfo.InvariantCulture,
            $"{Samples.Median(rates):0.00} of {Samples.Median(stockRates):0.00} tokens/s ({Samples.Range(rates, "0.00")} of {Samples.Range(stockRates, "0.00")}), {pairs} pairs, logits {(same ? "equal" : "DIFFER")}");
        tell(lab.Quick ? Figure.Told(name, ratio, "", detail) : Figure.AtLeast(name, ratio, 0.97, "", detail));
        if (!same) tell(Figure.AtLeast("logits of both sides are equal, bit for bit", 0, 1, "", commands[^1]));

        async Task<KvReply> AskAsync(KvChildProcess child)
        {
            foreach (var before in commands.SkipLast(1)) await child.AskAsync(before, cancellationToken);
            return await child.AskAsync(commands[^1], cancellationToken);
        }
    }
}
