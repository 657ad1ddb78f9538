using System.Diagnostics;

namespace Stoker.Bench;

/// <summary><c>stoker version</c> against an empty .NET program, in interleaved pairs.</summary>
internal static class StartUpBench
{
    public static async Task<IReadOnlyList<Figure>> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var ours = new List<double>();
        var empty = new List<double>();
        for (var i = -2; i < (options.Quick ? 5 : 25); i++)
        {
            var first = await MeasureAsync(options.Program, ["version"], cancellationToken);
            var second = await MeasureAsync(options.EmptyProgram, [], cancellationToken);
            if (i < 0) continue; // files come into the page cache
            ours.Add(first);
            empty.Add(second);
        }
        var ratio = Samples.Median(ours) / Samples.Median(empty);
        return [Figure.AtMost("stoker version / an empty .NET program", ratio, 2, "", $"{Samples.Median(ours):0.0} of {Samples.Median(empty):0.0} ms ({Samples.Range(ours)} of {Samples.Range(empty)})")];
    }

    private static async Task<double> MeasureAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }
}
