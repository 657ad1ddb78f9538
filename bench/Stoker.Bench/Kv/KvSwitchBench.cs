using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>What it takes until a conversation can be decoded in a live context: back into its slot, restored from disk, forked.</summary>
internal static class KvSwitchBench
{
    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        var cells = lab.Quick ? 8000 : 60_000;
        using var state = lab.NewState(cells);
        await using var child = await lab.StartAsync("ssd", shape, 65_536, cancellationToken, slots: 2);
        await lab.FillAsync(child, 0, cells, state, cancellationToken);
        var steady = await child.AskAsync("decode 0 2", cancellationToken);
        await TimesAsync($"a conversation of {cells} tokens leaves its slot and comes back", "switch 0 10", 60);
        var after = await child.AskAsync("decode 0 1", cancellationToken);
        tell(Figure.Told("first token after it", after.Seconds, "s", string.Create(CultureInfo.InvariantCulture, $"a steady one takes {steady.Seconds / steady.Tokens:0.000} s")));
        var first = await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"fork 0 1 {cells} 1"), cancellationToken);
        tell(Figure.Told($"the first fork of {cells} tokens into a slot that held nothing so long", first.Milliseconds[0], "ms", "llama.cpp lists the cells; code is compiled"));
        await TimesAsync($"a fork of {cells} tokens", string.Create(CultureInfo.InvariantCulture, $"fork 0 1 {cells} 10"), 10);
        var gone = await child.AskAsync("page-out 0", cancellationToken);
        var cold = await child.AskAsync("decode 0 1", cancellationToken);
        tell(Figure.Told("first token with cold pages", cold.Seconds, "s", string.Create(CultureInfo.InvariantCulture, $"paged out in {gone.Seconds:0.00} s; {child.Memory()}")));
        var saved = await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"session 1 {cells} {state.Path}"), cancellationToken);
        tell(Figure.Told($"the first snapshot of {cells} tokens", saved.Seconds, "s", "sums of all cells are computed"));
        await TimesAsync($"a session of {cells} tokens restored from its folder", "restore 1 10", 60);

        async Task TimesAsync(string name, string command, double bar)
        {
            var times = (await child.AskAsync(command, cancellationToken)).Milliseconds;
            var detail = string.Create(CultureInfo.InvariantCulture, $"median of {times.Count}, {Samples.Range([.. times], "0.0")}");
            tell(lab.Quick ? Figure.Told(name, Samples.Median(times), "ms", detail) : Figure.AtMost(name, Samples.Median(times), bar, "ms", detail));
        }
    }
}
