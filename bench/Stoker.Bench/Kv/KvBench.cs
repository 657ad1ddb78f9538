namespace Stoker.Bench.Kv;

/// <summary>
/// KV cells in files against the library's own buffer type: memory, speed, pressure. Both sides are children with the same
/// library, model, threads and flags, weights not repacked. Each part takes at most five minutes on two processors.
/// </summary>
internal static class KvBench
{
    public static readonly IReadOnlyList<string> Parts = ["memory", "long", "prefill", "speed", "batch", "switch", "forks", "pressure", "rows", "large"];

    public static async Task RunAsync(BenchOptions options, Action<IReadOnlyList<Figure>> add, TextWriter progress, CancellationToken cancellationToken)
    {
        using var lab = new KvLab(options.Folder, options.Quick, progress);
        foreach (var part in options.KvParts.Count == 0 ? Parts : options.KvParts)
        {
            progress.WriteLine($"kv {part}");
            void Tell(Figure figure) => add([figure with { Name = $"kv {part}: {figure.Name}" }]);
            await (part switch
            {
                "memory" => KvMemoryBench.RunAsync(lab, Tell, cancellationToken),
                "long" => KvMemoryBench.RunLongAsync(lab, Tell, cancellationToken),
                "prefill" => KvPrefillBench.RunAsync(lab, Tell, cancellationToken),
                "speed" => KvSpeedBench.RunAsync(lab, Tell, cancellationToken),
                "batch" => KvSpeedBench.RunBatchAsync(lab, Tell, cancellationToken),
                "switch" => KvSwitchBench.RunAsync(lab, Tell, cancellationToken),
                "forks" => KvForkBench.RunAsync(lab, Tell, cancellationToken),
                "pressure" => KvPressureBench.RunAsync(lab, Tell, cancellationToken),
                "rows" => KvRowsBench.RunAsync(lab, Tell, cancellationToken),
                _ => KvRowsBench.RunLargestAsync(lab, Tell, cancellationToken),
            });
            lab.RemoveKvFiles();
        }
    }
}
