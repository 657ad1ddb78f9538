using System.Globalization;
using System.Runtime.InteropServices;
using Stoker.Core.Budget;

namespace Stoker.Bench;

/// <summary>What the figures were measured on, and what else was going on.</summary>
internal sealed record MachineConditions(
    string Processor,
    int Processors,
    string Memory,
    string Kernel,
    string Runtime,
    string LoadAverage,
    double BusyBefore)
{
    /// <summary>Looks for two seconds how busy the machine is before anything of ours runs.</summary>
    public static async Task<MachineConditions> ReadAsync(CancellationToken cancellationToken)
    {
        var before = ProcFiles.Processors();
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
        var after = ProcFiles.Processors();
        var busy = (after.Busy - before.Busy) / (double)Math.Max(1, after.All - before.All);
        var model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal));
        var memory = new SystemMemoryGauge().Read();
        return new MachineConditions(
            model?[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount,
            $"{ByteCount.Text(memory.AvailableBytes)} of {ByteCount.Text(memory.TotalBytes)} available",
            RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription,
            File.ReadAllText("/proc/loadavg").Split(' ')[0],
            busy);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Processor}, {Processors} processors, {Memory}\n{Kernel}, {Runtime}, load {LoadAverage}, {BusyBefore * 100:0} % busy before the start");
}
