using System.Globalization;
using Stoker.Cli.Client;

namespace Stoker.Bench.Kv;

/// <summary>What a process occupies, in MiB: the four figures, and of its KV files what is resident (each page once).</summary>
internal sealed record MemorySample(double RssAnon, double RssFile, double PrivateDirty, double VmHwm, double KvResident)
{
    private const string KvFileMark = "/kv-bench/";

    /// <summary>Folder in which a child keeps its KV files; by its name their mappings are recognised.</summary>
    public static string KvFolder(string folder) => Path.Combine(folder, KvFileMark.Trim('/'));

    public static MemorySample Of(int processId)
    {
        var figures = ProcessFigures.TryRead(processId) ?? throw new InvalidOperationException($"Process {processId} is gone.");
        return new MemorySample(figures.RssAnon, figures.RssFile, figures.PrivateDirty, figures.VmHwm, KvFiles(processId));
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"RssAnon {RssAnon:0} RssFile {RssFile:0} Private_Dirty {PrivateDirty:0} VmHWM {VmHwm:0}{(KvResident > 0 ? $" (KV files {KvResident:0})" : "")}");

    /// <summary>A page that several slots map counts by its share in each mapping, so that the sum has it once.</summary>
    private static double KvFiles(int processId)
    {
        var sum = 0.0;
        var isKv = false;
        foreach (var line in File.ReadLines($"/proc/{processId}/smaps"))
        {
            if (!char.IsUpper(line[0])) isKv = line.Contains(KvFileMark, StringComparison.Ordinal);
            else if (isKv && line.StartsWith("Pss:", StringComparison.Ordinal)) sum += Kib(line);
        }
        return sum / 1024;
    }

    private static double Kib(string line) => double.Parse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim().Split(' ')[0], CultureInfo.InvariantCulture);
}
