using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>Sixteen conversations forked from one: what their cells take on disk and in memory.</summary>
internal static class KvForkBench
{
    private const int Children = 16;
    private const int Tail = 4;

    public static async Task RunAsync(KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var shape = lab.Quick ? "0.5bs" : "7b";
        var cells = lab.Quick ? 4000 : 16_000;
        using var state = lab.NewState(cells);
        await using var child = await lab.StartAsync("ssd", shape, 20_480, cancellationToken, slots: Children + 1);
        await lab.FillAsync(child, 0, cells, state, cancellationToken);
        await child.AskAsync("decode 0 1", cancellationToken);
        var (diskBefore, residentBefore) = (await lab.DiskMibAsync(cancellationToken), child.Memory().KvResident);
        await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"fork-many 0 {Children} {Tail}"), cancellationToken);
        var (disk, resident) = (await lab.DiskMibAsync(cancellationToken), child.Memory().KvResident);
        var one = KvLab.CellsMib(shape, cells);
        var tails = KvLab.CellsMib(shape, Children * SsdSide.ReservedFor(Tail));
        tell(Bar("on disk / one, beyond the tails", (disk - tails) / one, string.Create(CultureInfo.InvariantCulture, $"{disk:0.0} MiB after, {diskBefore:0.0} before; one is {one:0.0}, the tails with what is reserved for them {tails:0.0}")));
        var written = tails * Tail / SsdSide.ReservedFor(Tail);
        tell(Bar("mapped and resident / one, beyond the tails", (resident - written) / one, string.Create(CultureInfo.InvariantCulture, $"{resident:0.0} MiB after, {residentBefore:0.0} before; the tails {written:0.0}; {child.Memory()}")));

        tell(Figure.Told($"{Children} forks of {cells} tokens: stock", double.NaN, "", string.Create(CultureInfo.InvariantCulture, $"not run: it copies, {Children + 1} conversations take {KvLab.CellsMib(shape, (Children + 1) * cells):0} MiB")));

        Figure Bar(string name, double value, string detail) => lab.Quick
            ? Figure.Told($"{Children} forks of {cells} tokens: {name}", value, "", detail)
            : Figure.AtMost($"{Children} forks of {cells} tokens: {name}", value, 1.1, "", detail);
    }
}
