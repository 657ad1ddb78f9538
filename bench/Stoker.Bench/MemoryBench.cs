using System.Globalization;

namespace Stoker.Bench;

/// <summary>The daemon's memory after a pull, a chat, an unload and a minute of rest.</summary>
internal static class MemoryBench
{
    public static async Task<IReadOnlyList<Figure>> RunAsync(BenchHome home, bool quick, TextWriter progress, CancellationToken cancellationToken)
    {
        // The chat takes the template's and the engine's whole way; the decode benchmark's model makes it a large pull.
        await home.StartDaemonAsync(1, cancellationToken);
        await home.StokerAsync(["rm", DecodeBench.Model], cancellationToken);
        await home.StokerAsync(["pull", DecodeBench.Model], cancellationToken);
        await home.StokerAsync(["run", FirstTokenBench.Model, "Why is the sky blue?"], cancellationToken);
        await home.StokerAsync(["stop", "--all"], cancellationToken);
        var rest = TimeSpan.FromSeconds(quick ? 5 : 60);
        progress.WriteLine($"  resting for {rest.TotalSeconds} s");
        await Task.Delay(rest, cancellationToken);
        var anonymous = ProcFiles.MemoryMib(home.DaemonId, "RssAnon");
        var all = ProcFiles.MemoryMib(home.DaemonId, "VmRSS");
        return [Figure.AtMost("daemon's private memory after pull, chat, unload, rest", anonymous, 60, "MiB", string.Create(CultureInfo.InvariantCulture, $"VmRSS {all:0.0} MiB"))];
    }
}
