namespace Stoker.Bench.Kv;

/// <summary>
/// KV cells in files against the library's own buffer type: memory, speed, pressure. Both sides are children with the same
/// library, model, threads and flags, weights not repacked. Each part takes at most five minutes on two processors.
/// </summary>
internal static class KvBench
{
    public static readonly IReadOnlyList<string> Parts = ["memory", "long", "prefill", "speed", "batch", "switch", "requests", "forks", "pressure", "rows", "large"];

    public static async Task RunAsync(BenchOptions options, Action<IReadOnlyList<Figure>> add, TextWriter progress, CancellationToken cancellationToken)
    {
        using var lab = new KvLab(options.Folder, options.Quick, progress);
        foreach (var part in options.KvParts.Count == 0 ? Parts : options.KvParts)
        {
            progress.WriteLine($"kv {part}");
            void Tell(Figure figure) => add([figure with { Name = $"kv {part}: {figure.Name}" }]);
            try
            {
                await PartAsync(part, options, lab, Tell, cancellationToken);
            }
            catch (Exception failed) when (failed is KvChildEndedException or InvalidOperationException)
            {
                // The other parts can still be measured.
                Tell(Figure.AtLeast("ran to its end", 0, 1, "", failed.Message.Split('\n')[0]));
            }
            lab.RemoveKvFiles();
        }
    }

    private static Task PartAsync(string part, BenchOptions options, KvLab lab, Action<Figure> tell, CancellationToken cancellationToken) => part switch
    {
        "memory" => KvMemoryBench.RunAsync(lab, tell, cancellationToken),
        "long" => KvMemoryBench.RunLongAsync(lab, tell, cancellationToken),
        "prefill" => KvPrefillBench.RunAsync(lab, tell, cancellationToken),
        "speed" => KvSpeedBench.RunAsync(lab, tell, cancellationToken),
        "batch" => KvSpeedBench.RunBatchAsync(lab, tell, cancellationToken),
        "switch" => KvSwitchBench.RunAsync(lab, tell, cancellationToken),
        "requests" => KvRequestBench.RunAsync(options, lab, tell, cancellationToken),
        "forks" => KvForkBench.RunAsync(lab, tell, cancellationToken),
        "pressure" => KvPressureBench.RunAsync(lab, tell, cancellationToken),
        "rows" => KvRowsBench.RunAsync(lab, tell, cancellationToken),
        _ => KvRowsBench.RunLargestAsync(lab, tell, cancellationToken),
    };
}
