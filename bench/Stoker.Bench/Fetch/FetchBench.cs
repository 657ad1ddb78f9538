using System.Diagnostics;
using System.Security.Cryptography;
using Stoker.Supply.Blobs;

namespace Stoker.Bench.Fetch;

/// <summary>
/// One file of 2 GiB from the lab's origin, paced as object storage is (150 ms to the first byte, 90 MB/s a connection) and not, to
/// a disk and to memory: Stoker beside the programs that people use, in turns, one whole process each.
/// </summary>
internal static class FetchBench
{
    private const int FirstByteMs = 150;
    private const long PacedBytesPerSecond = 90_000_000;
    private const int Connections = 8;

    /// <param name="options">What to measure.</param>
    /// <param name="add">Told of each part's figures when they are there.</param>
    /// <param name="progress">Told of each sample.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task RunAsync(BenchOptions options, Action<IReadOnlyList<Figure>> add, TextWriter progress, CancellationToken cancellationToken)
    {
        if (FetchLab.Missing() is { } missing) throw new InvalidOperationException(missing);
        await using var lab = await FetchLab.CreateAsync(options.LabFolder, options.SizeBytes, cancellationToken);
        foreach (var paced in new[] { true, false })
        {
            foreach (var onDisk in new[] { true, false })
            {
                var series = new FetchSeries(paced ? "paced" : "unpaced", onDisk ? "disk" : "tmpfs");
                if (options.Parts.Count > 0 && !options.Parts.Contains(series.Name)) continue;
                await lab.ServeAsync(paced ? FirstByteMs : 0, paced ? PacedBytesPerSecond : 0, cancellationToken);
                await series.MeasureAsync(lab, options, progress, cancellationToken);
                add([.. series.Table(lab.SizeBytes), .. Bars(series, lab, paced, onDisk)]);
            }
        }
        if (options.Parts.Count == 0 || options.Parts.Contains("http2")) add(await FetchOverBench.RunAsync(lab, options, progress, cancellationToken));
        if (options.Parts.Count == 0 || options.Parts.Contains("hit"))
        {
            await lab.ServeAsync(0, 0, cancellationToken);
            add(await FetchHitBench.RunAsync(lab, options, cancellationToken));
        }
    }

    private static IEnumerable<Figure> Bars(FetchSeries series, FetchLab lab, bool paced, bool onDisk)
    {
        var ours = series.Wall(FetchContenders.Ours);
        if (paced && onDisk)
        {
            yield return Figure.AtMost($"{series.Name}: wall / aria2c without checksum", ours / series.Wall(FetchContenders.Aria), 1.0, "", "ours verified and synced, aria2c neither");
            var least = (FirstByteMs / 1000.0) + ((double)lab.SizeBytes / (Connections * PacedBytesPerSecond));
            var receiver = series.Wall(FetchContenders.Receiver);
            yield return Figure.AtMost($"{series.Name}: wall / max(line, receiver)", ours / Math.Max(least, receiver), 1.15, "", $"line {least:0.00} s, receiver {receiver:0.00} s{(series.Has(FetchContenders.ReceiverSynced) ? FormattableString.Invariant($", synced {series.Wall(FetchContenders.ReceiverSynced):0.00} s") : "")}");
        }
        if (!paced) yield return Figure.AtMost($"{series.Name}: wall / aria2c with checksum", ours / series.Wall(FetchContenders.AriaVerified), 1.1, "", "");
        var hashing = HashingSeconds(lab.SizeBytes);
        var cpu = series.Cpu(FetchContenders.Ours);
        var ratio = (cpu - hashing) / series.Cpu(FetchContenders.Aria);
        var (name, detail) = ($"{series.Name}: CPU without hashing / aria2c", FormattableString.Invariant($"{cpu:0.00} s less {hashing:0.00} s of hashing, of {series.Cpu(FetchContenders.Aria):0.00} s"));
        yield return series.HasBars ? Figure.AtMost(name, ratio, 1.3, "", detail) : Figure.Told(name, ratio, "", detail);
        yield return Figure.AtMost($"{series.Name}: peak resident memory", series.PeakOfStoker, 150, "MiB", "the most of all samples and worker counts");
        if (onDisk) yield return Figure.AtMost($"{series.Name}: bytes written / size", (double)series.Written(FetchContenders.Ours) / lab.SizeBytes, 1.005, "", "");
    }

    // What the sums alone cost, on two threads at once as in the program (processors that share a core slow each other down): of
    // each byte SHA-256 and CRC32C for its chunk, and SHA-256 for the whole.
    private static double HashingSeconds(long sizeBytes)
    {
        var samples = new List<double>();
        for (var sample = 0; sample < 5; sample++)
        {
            double chunks = 0, whole = 0;
            var other = new Thread(() => whole = Seconds(withCrc: false));
            other.Start();
            chunks = Seconds(withCrc: true);
            other.Join();
            samples.Add((chunks + whole) * sizeBytes / HashedBytes);
        }
        return Samples.Median(samples);
    }

    private const long HashedBytes = 512L << 20;

    private static double Seconds(bool withCrc)
    {
        var block = RandomNumberGenerator.GetBytes(256 << 10);
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        uint crc = 0;
        var began = Stopwatch.GetTimestamp();
        for (long done = 0; done < HashedBytes; done += block.Length)
        {
            sha256.AppendData(block);
            if (withCrc) crc = Crc32C.Append(crc, block);
        }
        GC.KeepAlive(crc);
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
