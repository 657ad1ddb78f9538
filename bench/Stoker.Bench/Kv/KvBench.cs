using System.Globalization;
using Stoker.Core.Formats.Gguf;
using Stoker.Engine.Protocol;
using TinyModel;

namespace Stoker.Bench.Kv;

/// <summary>
/// KV in files against the stock buffer type: both sides are the same process with the same model, repacking off. What fills a
/// context is a state file with random rows, which both sides load with llama_state_seq_load_file.
/// </summary>
internal sealed class KvBench : IDisposable
{
    public static readonly IReadOnlyList<string> PartNames = ["memory", "decode", "streams", "fork", "prefill", "pressure", "shapes", "shape-32b"];

    private readonly string _folder;
    private readonly bool _keepsModels;
    private readonly TextWriter _progress;

    private KvBench(BenchOptions options, TextWriter progress)
    {
        _progress = progress;
        IsQuick = options.Quick;
        _keepsModels = options.ModelsFolder is not null;
        _folder = Directory.CreateDirectory(options.ModelsFolder ?? Directory.CreateTempSubdirectory("stkb-kv-").FullName).FullName;
    }

    /// <summary>A small model in place of the 7B one, for trying the benchmark.</summary>
    public bool IsQuick { get; }

    /// <summary>The shape that most figures are of.</summary>
    public string MainShape => IsQuick ? "0.5bs" : "7b";

    /// <param name="add">Gets the figures of each part as it ends.</param>
    public static async Task RunAsync(BenchOptions options, Action<IReadOnlyList<Figure>> add, TextWriter progress, CancellationToken cancellationToken)
    {
        using var bench = new KvBench(options, progress);
        foreach (var part in PartNames.Where(part => options.Parts.Count == 0 || options.Parts.Contains(part)))
        {
            progress.WriteLine($"kv {part}");
            add(part switch
            {
                "memory" => await KvMemoryBench.RunAsync(bench, cancellationToken),
                "decode" => await KvSpeedBench.DecodeAsync(bench, cancellationToken),
                "streams" => await KvSpeedBench.StreamsAsync(bench, cancellationToken),
                "fork" => await KvSpeedBench.ForkAsync(bench, cancellationToken),
                "prefill" => await KvMemoryBench.PrefillAsync(bench, cancellationToken),
                "pressure" => await KvPressureBench.RunAsync(bench, cancellationToken),
                "shape-32b" => await KvPressureBench.LargeModelAsync(bench, cancellationToken),
                _ => await KvMemoryBench.ShapesAsync(bench, cancellationToken),
            });
        }
    }

    public void Say(string text) => _progress.WriteLine("  " + text);

    /// <summary>The random model of that shape, written when it is not there yet.</summary>
    public string Model(string shape)
    {
        var path = Path.Combine(_folder, $"{shape}.gguf");
        if (!File.Exists(path)) RandomModel.Write(path, new RandomModelOptions { Shape = shape, Type = GgmlType.Q4_0, ContextTokens = 1 << 20 });
        return path;
    }

    /// <summary>A state file of that many cells of that shape, for contexts with so many slots.</summary>
    public string State(string shape, int cells, int slots)
    {
        var path = Path.Combine(_folder, $"{shape}-{cells}-{slots}.state");
        if (File.Exists(path)) return path;
        var extents = ModelShape.Named(shape);
        StateFile.Write(path, cells, slots, extents.Layers, 2 * extents.KeyValueHeads[0] * extents.HeadLength);
        return path;
    }

    /// <summary>Starts one side. Its files lie in a folder of its own, removed by <see cref="Dispose"/>.</summary>
    public async Task<KvProbeProcess> StartAsync(KvMode mode, string shape, int contextTokens, int slots, MemoryGroup? group, CancellationToken cancellationToken)
    {
        var options = new KvProbeOptions(Model(shape), mode, contextTokens, slots, Environment.ProcessorCount, 512, Directory.CreateDirectory(CellsFolder).FullName);
        return await KvProbeProcess.StartAsync(options, group, cancellationToken);
    }

    /// <summary>Bytes on disk of all files of cells.</summary>
    public long CellsBytes()
    {
        using var du = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("du", ["-s", "-B1", CellsFolder]) { RedirectStandardOutput = true })!;
        return long.Parse(du.StandardOutput.ReadToEnd().Split('\t')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>Between two measurements: the files of cells of processes that have ended.</summary>
    public void RemoveCells()
    {
        if (Directory.Exists(CellsFolder)) Directory.Delete(CellsFolder, recursive: true);
    }

    /// <summary>Removes a model that was needed for one figure only.</summary>
    public void Remove(string path)
    {
        if (!_keepsModels) File.Delete(path);
    }

    public void Dispose()
    {
        RemoveCells();
        if (!_keepsModels) Directory.Delete(_folder, recursive: true);
    }

    private string CellsFolder => Path.Combine(_folder, "cells");
}
