using System.Text.Json;

namespace Stoker.Bench.Fetch;

/// <summary>A file that is in the store already, wanted at another path: time inside the process.</summary>
internal static class FetchHitBench
{
    public static async Task<IReadOnlyList<Figure>> RunAsync(FetchLab lab, BenchOptions options, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"stkb-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        try
        {
            await HitAsync(0, withDigest: false);
            var named = new List<double>();
            var asked = new List<double>();
            for (var i = 1; i <= Math.Max(options.Pairs, 7); i++)
            {
                named.Add(await HitAsync(2 * i, withDigest: true));
                asked.Add(await HitAsync((2 * i) + 1, withDigest: false));
            }
            return
            [
                Figure.AtMost("hit of the whole file with --out, digest given", Samples.Median(named), 10, "ms", $"{Samples.Range(named)} ms inside the process"),
                Figure.Told("hit with --out, asking the origin whether it changed", Samples.Median(asked), "ms", $"{Samples.Range(asked)} ms inside the process"),
            ];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        async Task<double> HitAsync(int number, bool withDigest)
        {
            string[] digest = withDigest ? ["--sha256", lab.Sha256] : [];
            var output = await FetchSample.OutputAsync(
                options.Program, ["fetch", "--home", Path.Combine(folder, "home"), "--url", lab.Url, "--out", Path.Combine(folder, $"f{number}"), "--json", .. digest], cancellationToken);
            using var json = JsonDocument.Parse(output);
            return json.RootElement.GetProperty("elapsedMs").GetDouble();
        }
    }
}
