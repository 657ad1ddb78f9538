using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>In a memory cgroup: where the stock side is killed, and how fast ours is when the working set does not fit.</summary>
internal static class KvPressureBench
{
    private const string Shape = "0.5b";
    private const int ContextTokens = 131_072;
    private const int Answer = 8;

    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var cells = lab.Quick ? 8000 : 60_000;
        using var state = lab.NewState(cells);
        string[] free;
        double whole;
        await using (var stock = await lab.StartAsync("stock", Shape, ContextTokens, cancellationToken))
        {
            free = await ConversationAsync(lab, stock, cells, state, cancellationToken);
        }
        await using (var ours = await lab.StartAsync("ssd", Shape, ContextTokens, cancellationToken))
        {
            var hashes = await ConversationAsync(lab, ours, cells, state, cancellationToken);
            tell(KvMemoryBench.Same("without a limit both sides compute the same", [string.Concat(free), string.Concat(hashes)]));
            var memory = ours.Memory();
            whole = memory.RssAnon + memory.RssFile;
            tell(Figure.Told("working set", whole, "MiB", memory.ToString()));
        }
        await StockAsync(lab, tell, whole, state, cells, cancellationToken);
        foreach (var part in new[] { 1.0, 0.5, 0.25 })
        {
            await LimitedAsync(lab, tell, part, part * whole, state, cells, free, cancellationToken);
        }
    }

    /// <summary>The stock side, with as much memory as our whole working set.</summary>
    private static async Task StockAsync(KvLab lab, Action<Figure> tell, double limitMib, StateFileOf state, int cells, CancellationToken cancellationToken)
    {
        using var cgroup = MemoryCgroup.TryCreate((long)(limitMib * 1048576), out var reason);
        if (cgroup is null)
        {
            tell(Figure.Told("the stock side in a cgroup", double.NaN, "", reason!));
            return;
        }
        KvLab.Drop(lab.Model(Shape));
        KvLab.Drop(state.Path);
        var killed = false;
        try
        {
            await using var stock = await lab.StartAsync("stock", Shape, ContextTokens, cancellationToken, cgroup: cgroup);
            await ConversationAsync(lab, stock, cells, state, cancellationToken);
        }
        catch (KvChildEndedException ended)
        {
            killed = ended.WasKilled;
        }
        tell(Figure.AtLeast(
            string.Create(CultureInfo.InvariantCulture, $"the stock side is killed at {limitMib:0} MiB"), killed ? 1 : 0, 1, "", string.Create(CultureInfo.InvariantCulture, $"cgroup v{cgroup.Version}, peak {cgroup.PeakMib:0} MiB")));
    }

    private static async Task LimitedAsync(
        KvLab lab, Action<Figure> tell, double part, double limitMib, StateFileOf state, int cells, string[] expected, CancellationToken cancellationToken)
    {
        using var cgroup = MemoryCgroup.TryCreate((long)(limitMib * 1048576), out _);
        if (cgroup is null) return;
        KvLab.Drop(lab.Model(Shape));
        KvLab.Drop(state.Path);
        await using var ours = await lab.StartAsync("ssd", Shape, ContextTokens, cancellationToken, cgroup: cgroup);
        var hashes = await ConversationAsync(lab, ours, cells, state, cancellationToken);
        var more = await ours.AskAsync($"decode 0 {Answer}", cancellationToken);
        var name = string.Create(CultureInfo.InvariantCulture, $"tokens/s at {part:0.##} x the working set ({limitMib:0} MiB)");
        tell(Figure.Told(name, more.Rate, "tokens/s", string.Create(CultureInfo.InvariantCulture, $"{ours.Memory()}; cgroup's peak {cgroup.PeakMib:0}")));
        tell(KvMemoryBench.Same(string.Create(CultureInfo.InvariantCulture, $"the same tokens at {part:0.##} x"), [string.Concat(expected), string.Concat(hashes)]));
    }

    /// <summary>A short prompt with its answer; then, in a filled context, another answer.</summary>
    private static async Task<string[]> ConversationAsync(KvLab lab, KvChildProcess child, int cells, StateFileOf state, CancellationToken cancellationToken)
    {
        var prompt = await child.AskAsync("prefill 0 32", cancellationToken);
        var answer = await child.AskAsync($"decode 0 {Answer}", cancellationToken);
        await lab.FillAsync(child, 0, cells, state, cancellationToken);
        var filled = await child.AskAsync($"decode 0 {Answer}", cancellationToken);
        return [prompt.Hash, answer.Hash, filled.Hash];
    }
}
