using System.Globalization;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>X24, E5 38: what a fetch holds in memory depends on neither its connections nor its file.</summary>
public sealed class FetchMemoryTests(ITestOutputHelper output)
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task PeakMemory_GrowsNeitherWithWorkersNorWithTheFile()
    {
        var few = await PeakAsync(32 * MiB, workers: 1);
        var manyWorkers = await PeakAsync(256 * MiB, workers: 32);
        var largeFile = await PeakAsync(512 * MiB, workers: 8);
        output.WriteLine($"peak RSS: 32 MiB and 1 worker {few / MiB} MiB; 256 MiB and 32 workers {manyWorkers / MiB} MiB; 512 MiB and 8 workers {largeFile / MiB} MiB");
        Assert.All([few, manyWorkers, largeFile], static peak => Assert.InRange(peak, 20L * MiB, 150L * MiB));
        // A connection holds a buffer and what its socket's stream holds; not a chunk.
        Assert.True(manyWorkers - few < 48L * MiB, $"31 workers more cost {(manyWorkers - few) / MiB} MiB");
        Assert.True(largeFile - few < 32L * MiB, $"16 times the file costs {(largeFile - few) / MiB} MiB");
    }

    private static async Task<long> PeakAsync(int bytes, int workers)
    {
        // Slow enough to be looked at while it runs, and for every connection to carry something.
        await using var lab = await FetchLab.StartAsync(bytes, options => options with { RateBytesPerSecond = Math.Max(4L * MiB, bytes / workers / 2) });
        await using var home = new StokerHome();
        var place = Path.Combine(home.Folder, "f");
        await using var program = home.StartStoker("fetch", "--url", lab.Url, "--out", place, "--workers", workers.ToString(CultureInfo.InvariantCulture));
        var ended = program.EndAsync(StokerHome.Patience);
        long peak = 0;
        while (!ended.IsCompleted)
        {
            peak = Math.Max(peak, PeakOf(program.Pid));
            await Task.Delay(20);
        }
        (await ended).Expect(0);
        if (workers > 1) Assert.True(lab.Hub.Stats.MostAtOnce >= workers * 3 / 4, $"{lab.Hub.Stats.MostAtOnce} connections at once of {workers}");
        return peak;
    }

    private static long PeakOf(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
        catch (IOException)
        {
            return 0; // it has just ended
        }
    }
}
