using System.Diagnostics;
using System.Globalization;
using Stoker.Core.Models;
using Stoker.Native.Libc;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Bench.Fetch;

/// <summary>
/// Stoker's engine over TLS from the loopback hub: HTTP/1.1 with a connection for each range, and HTTP/2 with all ranges on one
/// connection, in turns; each a process of its own.
/// </summary>
internal static class FetchOverBench
{
    public const string Verb = "fetch-over";

    private const int MostPairs = 5;

    private static readonly string[] Versions = ["1.1", "2.0"];

    public static async Task<IReadOnlyList<Figure>> RunAsync(FetchLab lab, BenchOptions options, TextWriter progress, CancellationToken cancellationToken)
    {
        var figures = new List<Figure>();
        foreach (var firstByteMs in new[] { 0, 150 })
        {
            var root = Directory.CreateTempSubdirectory("stkb-").FullName;
            Directory.CreateDirectory(Path.Combine(root, "files"));
            var served = Path.Combine(root, "files", "f.bin");
            if (!Files.TryHardLink(lab.File, served)) File.Copy(lab.File, served); // the hub follows no symbolic links
            using var hub = Process.Start(new ProcessStartInfo(options.HubProgram, ["--root", root, "--tls", "--print-urls", "--first-byte-ms", firstByteMs.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
            try
            {
                var said = new Dictionary<string, string>();
                while (said.Count < 4)
                {
                    var parts = (await hub.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The hub did not start.")).Split('=', 2);
                    said[parts[0]] = parts[1];
                }
                figures.AddRange(await CompareAsync($"TLS, first byte after {firstByteMs} ms", said["FILES"] + "/f.bin", said["STOKER_CA_FILE"], lab, options, progress, cancellationToken));
            }
            finally
            {
                hub.Kill();
                Directory.Delete(root, recursive: true);
            }
        }
        return figures;
    }

    /// <summary>The process that fetches: HTTP version, address, SHA-256, authorities, folder.</summary>
    public static async Task<int> FetchAsync(IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        using var supply = new FileSupply(Path.Combine(words[4], "home"), new FetchOptions { Workers = 8, LeavesPageCache = true }, new SourceOptions { HttpVersion = Version.Parse(words[0]) });
        var request = new FileRequest
        {
            Addresses = [new Uri(words[1])],
            Digest = Digest.TryFromHex(words[2], out var digest) ? digest : null,
            OutPath = Path.Combine(words[4], "f"),
        };
        await supply.FetchAsync(request, new SourceAccess { CaFile = words[3], Offline = true }, static _ => { }, cancellationToken);
        return 0;
    }

    private static async Task<IEnumerable<Figure>> CompareAsync(
        string name, string url, string authorities, FetchLab lab, BenchOptions options, TextWriter progress, CancellationToken cancellationToken)
    {
        var samples = Versions.ToDictionary(static version => version, static _ => new List<FetchSample>());
        var pairs = Math.Min(options.Pairs, MostPairs); // no bar needs them
        for (var pair = 0; pair < pairs; pair++)
        {
            foreach (var version in Versions)
            {
                var folder = Directory.CreateTempSubdirectory("stkb-").FullName;
                await TouchedMemory.MakeAsync(lab.SizeBytes * 3 / 2, cancellationToken);
                var contender = new FetchContender($"HTTP/{version}", Environment.ProcessPath!, into => [Verb, version, url, lab.Sha256, authorities, into]);
                FetchSample sample;
                try
                {
                    sample = await FetchSample.TakeAsync(contender, folder, cancellationToken);
                }
                finally
                {
                    Directory.Delete(folder, recursive: true);
                }
                progress.WriteLine(FormattableString.Invariant($"{name} {pair + 1}/{pairs} HTTP/{version} {sample.WallSeconds:0.00} s, {sample.CpuSeconds:0.00} s CPU"));
                samples[version].Add(sample);
            }
        }
        return Versions.Select(version => Figure.Told(
            $"{name}: HTTP/{version}, 8 workers",
            Samples.Median(samples[version].Select(static sample => sample.WallSeconds)),
            "s",
            FormattableString.Invariant($"{Samples.Range([.. samples[version].Select(static sample => sample.WallSeconds)], "0.00")} s, {Samples.Median(samples[version].Select(static sample => sample.CpuSeconds)):0.00} s CPU")));
    }
}
