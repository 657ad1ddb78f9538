using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Stoker.Core.Formats.Gguf;
using Stoker.Native.Libc;
using TinyModel;

namespace Stoker.Bench.Kv;

/// <summary>
/// Where the parts of the KV benchmark work: a folder with models, state files and KV files, and the children that are started
/// there. A folder that was named keeps its models for the next run; otherwise everything goes when this is disposed.
/// </summary>
internal sealed class KvLab : IDisposable
{
    private readonly string _folder;
    private readonly bool _keepModels;
    private int _children;

    public KvLab(string? folder, bool quick, TextWriter progress)
    {
        _keepModels = folder is not null;
        _folder = folder ?? Directory.CreateTempSubdirectory("stkb-").FullName;
        Directory.CreateDirectory(_folder);
        Quick = quick;
        Progress = progress;
    }

    public bool Quick { get; }

    public TextWriter Progress { get; }

    /// <summary>Threads of the computation: all processors, two at most, so that figures of machines compare.</summary>
    public static int Threads => Math.Min(2, Environment.ProcessorCount);

    /// <summary>Where files are made that no child owns.</summary>
    public string FileAt(string name) => Path.Combine(_folder, name);

    /// <summary>The random Q4_0 model of a shape, made when it is not there yet.</summary>
    public string Model(string shape)
    {
        var path = FileAt($"{shape}-Q4_0.gguf");
        if (File.Exists(path)) return path;
        Progress.WriteLine($"  making a random {shape} model");
        RandomModel.Write(path + ".new.gguf", new RandomModelOptions { Shape = shape, Type = GgmlType.Q4_0, ContextTokens = 1 << 20 });
        File.Move(path + ".new.gguf", path);
        return path;
    }

    /// <summary>Whether the stock side's cells fit into what is available now, with a gigabyte to spare.</summary>
    public bool HasRoom(string shape, int contextTokens, out string why)
    {
        var cells = CellsMib(shape, contextTokens);
        var available = new Stoker.Core.Budget.SystemMemoryGauge().Read().AvailableBytes / 1048576.0;
        why = string.Create(CultureInfo.InvariantCulture, $"not run: its cells take {cells:0} MiB, and {available:0} are available");
        return cells + 1024 < available;
    }

    /// <summary>What the cells of so many tokens take, in MiB.</summary>
    public static double CellsMib(string shape, long tokens) => ModelShape.Named(shape).CellBytes * tokens / 1048576.0;

    public Task<KvChildProcess> StartAsync(string side, string shape, int contextTokens, CancellationToken cancellationToken, int slots = 1, int? microBatch = null, MemoryCgroup? cgroup = null)
    {
        var options = new KvChildOptions
        {
            Side = side,
            Model = Model(shape),
            ContextTokens = contextTokens,
            Slots = slots,
            Threads = Threads,
            MicroBatch = microBatch ?? 512,
            Folder = Path.Combine(MemorySample.KvFolder(_folder), (++_children).ToString(CultureInfo.InvariantCulture)),
        };
        Progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {side}: {shape}, {contextTokens} tokens x {slots}{(cgroup is null ? "" : $", in a memory cgroup (v{cgroup.Version})")}"));
        return KvChildProcess.StartAsync(options, cgroup, cancellationToken);
    }

    /// <summary>Fills a slot of a child with made-up cells, through a state file that the other side's child can read too.</summary>
    public async Task<KvReply> FillAsync(KvChildProcess child, int slot, int cells, StateFileOf state, CancellationToken cancellationToken)
    {
        if (!File.Exists(state.Path))
        {
            var template = FileAt("one-cell.state");
            await child.AskAsync($"template {template}", cancellationToken);
            StateFile.Expand(await File.ReadAllBytesAsync(template, cancellationToken), state.Path, cells, seed: 7);
            File.Delete(template);
        }
        return await child.AskAsync(string.Create(CultureInfo.InvariantCulture, $"fill {slot} {cells} {state.Path}"), cancellationToken);
    }

    /// <summary>A state file that is removed when disposed.</summary>
    public StateFileOf NewState(int cells)
    {
        var path = FileAt(string.Create(CultureInfo.InvariantCulture, $"{cells}-{++_children}.state"));
        File.Delete(path); // one that a killed run left may be of another model
        return new StateFileOf(path);
    }

    /// <summary>Bytes on disk of the KV files of all children, each file once, in MiB.</summary>
    public async Task<double> DiskMibAsync(CancellationToken cancellationToken)
    {
        using var du = Process.Start(new ProcessStartInfo("du", ["-s", "-B1", MemorySample.KvFolder(_folder)]) { RedirectStandardOutput = true })!;
        var line = await du.StandardOutput.ReadToEndAsync(cancellationToken);
        await du.WaitForExitAsync(cancellationToken);
        return long.Parse(line.Split('\t')[0], CultureInfo.InvariantCulture) / 1048576.0;
    }

    /// <summary>Removes the KV files of children that have ended.</summary>
    public void RemoveKvFiles()
    {
        if (Directory.Exists(MemorySample.KvFolder(_folder))) Directory.Delete(MemorySample.KvFolder(_folder), recursive: true);
    }

    /// <summary>Takes a file out of the page cache, so that whoever reads it next is charged for it and waits for the disk.</summary>
    public static void Drop(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
        Files.DropFromPageCache(file);
    }

    public void Dispose()
    {
        RemoveKvFiles();
        if (!_keepModels) Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>A state file's place; disposing removes the file.</summary>
internal sealed class StateFileOf(string path) : IDisposable
{
    public string Path { get; } = path;

    public void Dispose() => File.Delete(Path);
}
