using System.Text.Json;
using Stoker.Bench.Fetch;
using Stoker.Bench.Kv;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Stoker.Bench;

/// <summary>Makes the models, runs what was asked for, prints the table.</summary>
internal static class BenchRun
{
    /// <returns>0 when every bar is met, 1 when one is missed.</returns>
    public static async Task<int> RunAsync(BenchOptions options, TextWriter output, TextWriter progress, CancellationToken cancellationToken)
    {
        progress.WriteLine("Looking at the machine");
        var conditions = await MachineConditions.ReadAsync(cancellationToken);
        if (!options.Json) output.WriteLine($"{conditions}\n{options.Program}\n");
        var figures = new List<Figure>();
        foreach (var name in options.Names.Where(static name => name == "start-up"))
        {
            progress.WriteLine(name);
            Add(await StartUpBench.RunAsync(options, cancellationToken));
        }
        if (options.Names.Contains("fetch")) await FetchBench.RunAsync(options, Add, progress, cancellationToken);
        if (options.Names.Contains(BenchOptions.Kv)) await KvBench.RunAsync(options, Add, progress, cancellationToken);
        if (options.Names.Any(static name => name is not ("start-up" or "fetch" or BenchOptions.Kv))) await RunWithDaemonAsync(options, Add, progress, cancellationToken);
        if (!options.Json && figures.Any(static figure => figure.Passed is not null))
        {
            output.WriteLine($"\nBars: {figures.Count(static figure => figure.Passed == true)} ok, {figures.Count(static figure => figure.Passed == false)} MISSED");
            foreach (var figure in figures.Where(static figure => figure.Passed is not null)) output.WriteLine(figure);
        }
        if (options.Json) output.WriteLine(JsonSerializer.Serialize(new BenchReport(conditions, figures), BenchJson.Default.BenchReport));
        return figures.All(static figure => figure.Passed != false) ? 0 : 1;

        void Add(IReadOnlyList<Figure> more)
        {
            figures.AddRange(more);
            if (options.Json) return;
            foreach (var figure in more) output.WriteLine(figure);
        }
    }

    private static async Task RunWithDaemonAsync(BenchOptions options, Action<IReadOnlyList<Figure>> add, TextWriter progress, CancellationToken cancellationToken)
    {
        progress.WriteLine("Making the models");
        await using var home = new BenchHome(options);
        var half = Path.Combine(home.HubFolder, "hf/bench/half-billion/half-billion-Q4_0.gguf");
        var tiny = Path.Combine(home.HubFolder, "hf/bench/tiny/tiny-Q4_0.gguf");
        Directory.CreateDirectory(Path.GetDirectoryName(half)!);
        Directory.CreateDirectory(Path.GetDirectoryName(tiny)!);
        RandomModel.Write(half, new RandomModelOptions { Shape = "0.5b", Type = GgmlType.Q4_0 });
        RandomModel.Write(tiny, new RandomModelOptions { Shape = "tiny", Type = GgmlType.Q4_0 });
        await home.StartAsync(threads: 1, cancellationToken);
        progress.WriteLine("Pulling them");
        await home.StokerAsync(["pull", DecodeBench.Model], cancellationToken);
        await home.StokerAsync(["pull", FirstTokenBench.Model], cancellationToken);
        foreach (var name in options.Names)
        {
            if (name is "start-up" or "fetch" or BenchOptions.Kv) continue;
            progress.WriteLine(name);
            add(name switch
            {
                "first-token" => await FirstTokenBench.RunAsync(home, options.Quick, cancellationToken),
                "decode" => await DecodeBench.RunAsync(home, half, options.Quick, progress, cancellationToken),
                _ => await MemoryBench.RunAsync(home, options.Quick, progress, cancellationToken),
            });
        }
    }
}
