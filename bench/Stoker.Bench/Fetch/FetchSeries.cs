namespace Stoker.Bench.Fetch;

/// <summary>All contenders, in turns, against one kind of origin and one kind of destination.</summary>
internal sealed class FetchSeries(string origin, string place)
{
    private const int ReportedRuns = 3;

    private readonly Dictionary<string, List<FetchSample>> _samples = [];

    /// <summary>As it is named on the command line.</summary>
    public string Name { get; } = $"{origin}-{place}";

    public double Wall(string contender) => Median(contender, static sample => sample.WallSeconds);

    public double Cpu(string contender) => Median(contender, static sample => sample.CpuSeconds);

    public bool Has(string contender) => _samples.ContainsKey(contender);

    public long Written(string contender) => (long)Median(contender, static sample => sample.WrittenBytes);

    public double PeakOfStoker => _samples.Where(static pair => pair.Key.StartsWith("stoker", StringComparison.Ordinal)).SelectMany(static pair => pair.Value).Max(static sample => sample.PeakMib);

    public async Task MeasureAsync(FetchLab lab, BenchOptions options, TextWriter progress, CancellationToken cancellationToken)
    {
        var contenders = FetchContenders.Of(lab, options.Program).Where(one => !options.BarsOnly || one.Bars.Split(' ').Contains(origin)).ToList();
        // The order turns with every pair: nobody always comes after the same one.
        for (var pair = 0; pair < options.Pairs; pair++)
        {
            for (var i = 0; i < contenders.Count; i++)
            {
                var contender = contenders[(i + pair) % contenders.Count];
                if (!TakesPart(pair, options.Pairs, IsForABar(contender) ? options.Pairs : Math.Min(ReportedRuns, options.Pairs))) continue;
                var sample = await TakeAsync(contender, lab, cancellationToken);
                progress.WriteLine(FormattableString.Invariant($"{Name} {pair + 1}/{options.Pairs} {contender.Name,-32} {sample.WallSeconds:0.00} s, {sample.CpuSeconds:0.00} s CPU"));
                if (!_samples.TryGetValue(contender.Name, out var list)) _samples[contender.Name] = list = [];
                list.Add(sample);
            }
        }
    }

    // A contender that no bar here needs runs a few times, spread over the whole.
    private static bool TakesPart(int pair, int pairs, int runs) => (pair + 1) * runs / pairs > pair * runs / pairs;

    private bool IsForABar(FetchContender contender) => HasBars && contender.Bars.Split(' ').Contains(origin);

    /// <summary>Paced and to memory is only reported.</summary>
    public bool HasBars => origin == "unpaced" || place == "disk";

    public IEnumerable<Figure> Table(long sizeBytes)
    {
        foreach (var (name, samples) in _samples)
        {
            var detail = FormattableString.Invariant($"{samples.Count} runs, {Samples.Range([.. samples.Select(static one => one.WallSeconds)], "0.00")} s, {Cpu(name):0.00} s CPU, {samples.Max(static one => one.PeakMib):0} MiB");
            if (place == "disk") detail += FormattableString.Invariant($", {(double)Written(name) / sizeBytes:0.000}x written");
            yield return Figure.Told($"{Name}: {name}", Wall(name), "s", detail);
        }
    }

    private double Median(string contender, Func<FetchSample, double> of) => Samples.Median(_samples[contender].Select(of));

    private async Task<FetchSample> TakeAsync(FetchContender contender, FetchLab lab, CancellationToken cancellationToken)
    {
        var parent = place == "disk" ? Path.GetTempPath() : "/dev/shm";
        var folder = Path.Combine(parent, $"stkb-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        try
        {
            await TouchedMemory.MakeAsync(lab.SizeBytes * 3 / 2, cancellationToken);
            var sample = await FetchSample.TakeAsync(contender, folder, cancellationToken);
            var size = new FileInfo(Path.Combine(folder, "f")).Length;
            return size == lab.SizeBytes ? sample : throw new InvalidOperationException($"{contender.Name} left {size} bytes.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
