using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>A prompt that is really computed, to a depth at which the mask's work memory matters.</summary>
internal static class KvPrefillBench
{
    private const int ContextTokens = 65_536;

    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        await RunFreshAsync(lab, tell, cancellationToken);
        await RunDeepAsync(lab, tell, cancellationToken);
    }

    /// <summary>Conversations that begin: each prompt is written into a file that has nothing yet.</summary>
    private static async Task RunFreshAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "0.5b";
        await using var ours = await lab.StartAsync("ssd", shape, 8192, cancellationToken);
        await using var stock = await lab.StartAsync("stock", shape, 8192, cancellationToken);
        foreach (var (tokens, pairs) in lab.Quick ? [(100, 3)] : new[] { (100, 7), (2000, 3) })
        {
            string[] commands = ["begin 0", string.Create(CultureInfo.InvariantCulture, $"prefill 0 {tokens}")];
            foreach (var child in new[] { ours, stock }) await child.AskAsync("prefill 0 64", cancellationToken);
            await KvSpeedBench.PairsAsync(lab, ours, stock, commands, pairs, $"prompts of {tokens} tokens, conversations that begin, / stock", tell, cancellationToken);
        }
    }

    private static async Task RunDeepAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var depth = lab.Quick ? 8192 : 59_392;
        var chunk = lab.Quick ? 512 : 1024;
        var pairs = lab.Quick ? 1 : 3;
        await using var ours = await lab.StartAsync("ssd", "thin", ContextTokens, cancellationToken);
        await using var stock = await lab.StartAsync("stock", "thin", ContextTokens, cancellationToken);
        var (whole, wholePeak) = await ours.AskAndWatchAsync($"prefill 0 {depth}", cancellationToken);
        tell(Figure.Told($"a prompt of {depth} tokens, ssd", whole.Rate, "tokens/s", ours.Memory().ToString()));
        var (wholeStock, stockPeak) = await stock.AskAndWatchAsync($"prefill 0 {depth}", cancellationToken);
        tell(Figure.Told($"a prompt of {depth} tokens, stock", wholeStock.Rate, "tokens/s", stock.Memory().ToString()));
        var rates = new List<double>();
        var stockRates = new List<double>();
        var peaks = new List<double> { wholePeak };
        for (var pair = 0; pair < pairs; pair++)
        {
            var (reply, peak) = await ours.AskAndWatchAsync($"prefill 0 {chunk}", cancellationToken);
            rates.Add(reply.Rate);
            peaks.Add(peak);
            stockRates.Add((await stock.AskAsync($"prefill 0 {chunk}", cancellationToken)).Rate);
        }
        var memory = ours.Memory();
        tell(Limit(lab, "peak of RssAnon in a prompt, ssd", peaks.Max(), 80, memory.ToString()));
        tell(Limit(lab, "RssAnon after it, ssd", memory.RssAnon, 40, memory.ToString()));
        tell(Figure.Told("peak of RssAnon in a prompt, stock", stockPeak, "MiB", stock.Memory().ToString()));
        tell(Figure.Told("RssAnon after it, stock", stock.Memory().RssAnon, "MiB", stock.Memory().ToString()));
        var ratio = Samples.Median(rates) / Samples.Median(stockRates);
        var detail = string.Create(CultureInfo.InvariantCulture, $"{Samples.Median(rates):0.0} of {Samples.Median(stockRates):0.0} tokens/s ({Samples.Range(rates)} of {Samples.Range(stockRates)})");
        tell(lab.Quick ? Figure.Told("prefill at depth / stock", ratio, "", detail) : Figure.AtLeast("prefill at depth / stock", ratio, 0.8, "", detail));
    }

    private static Figure Limit(KvLab lab, string name, double value, double bar, string detail) =>
        lab.Quick ? Figure.Told(name, value, "MiB", detail) : Figure.AtMost(name, value, bar, "MiB", detail);
}
