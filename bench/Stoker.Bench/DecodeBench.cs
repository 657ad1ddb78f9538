using System.Diagnostics;
using System.Globalization;

namespace Stoker.Bench;

/// <summary>Tokens a second through daemon and runner against the bare loop, in interleaved pairs; then the private memory of both.</summary>
internal static class DecodeBench
{
    public const string Model = "hf:bench/half-billion:Q4_0";
    private const int ContextTokens = 8192;
    private const string Prompt = "The quick brown fox jumps over the lazy dog.";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public static async Task<IReadOnlyList<Figure>> RunAsync(BenchHome home, string modelPath, bool quick, TextWriter progress, CancellationToken cancellationToken)
    {
        var figures = new List<Figure>();
        foreach (var threads in new[] { 1, 2 })
        {
            if (threads > Environment.ProcessorCount) continue;
            await home.StartDaemonAsync(threads, cancellationToken);
            await using var bare = await BareLoopProcess.StartAsync(modelPath, threads, ContextTokens, Prompt, cancellationToken);
            using var client = new HttpClient();
            var tokens = quick ? 32 : threads == 1 ? 128 : 64;
            // Loads the model, and both have run once before anything counts.
            await ApiCall.RunAsync(client, home.Port, Model, Prompt, 8, cancellationToken);
            await bare.RunAsync(8, cancellationToken);
            var ours = new List<double>();
            var theirs = new List<double>();
            var begun = Stopwatch.GetTimestamp();
            for (var pair = 0; pair < (quick ? 3 : threads == 1 ? 9 : 5); pair++)
            {
                // libllama's threads wait for each other by spinning: on a machine that is busy otherwise, two of them take for ever.
                if (pair >= 3 && Stopwatch.GetElapsedTime(begun) > Patience) break;
                // Who goes first alternates, so that a drift of the machine favours nobody.
                if (pair % 2 == 0) theirs.Add(await bare.RunAsync(tokens, cancellationToken));
                ours.Add((await ApiCall.RunAsync(client, home.Port, Model, Prompt, tokens, cancellationToken)).TokensPerSecond);
                if (pair % 2 == 1) theirs.Add(await bare.RunAsync(tokens, cancellationToken));
                progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {threads} threads, pair {pair + 1}: {ours[^1]:0.00} through the API, {theirs[^1]:0.00} bare, ratio {ours[^1] / theirs[^1]:0.000}"));
            }
            var ratio = Samples.Median(ours.Zip(theirs, static (a, b) => a / b));
            var detail = $"{Samples.Median(ours):0.0} of {Samples.Median(theirs):0.0} tokens/s ({Samples.Range(ours)} of {Samples.Range(theirs)})";
            figures.Add(threads == 1
                ? Figure.AtLeast("decode through the API / bare loop, 1 thread", ratio, 0.97, "", detail)
                : Figure.Told($"decode through the API / bare loop, {threads} threads", ratio, "", detail));
            if (threads == 1) figures.AddRange(Memory(home.RunnerId, bare.ProcessId));
        }
        return figures;
    }

    private static IEnumerable<Figure> Memory(int runner, int bare)
    {
        var ours = ProcFiles.MemoryMib(runner, "RssAnon");
        var theirs = ProcFiles.MemoryMib(bare, "RssAnon");
        yield return Figure.AtMost(
            "runner's private memory - the bare loop's", ours - theirs, 30, "MiB", string.Create(CultureInfo.InvariantCulture, $"{ours:0.0} - {theirs:0.0}"));
    }
}
