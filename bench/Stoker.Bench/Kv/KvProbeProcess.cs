using System.Diagnostics;
using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>The four figures of a process, in MiB, and the most anonymous memory that was seen.</summary>
internal sealed record KvMemory(double Anonymous, double File, double PrivateDirty, double Peak)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"RssAnon {Anonymous:0}, RssFile {File:0}, Private_Dirty {PrivateDirty:0}, VmHWM {Peak:0}");
}

/// <summary>A running <see cref="KvProbe"/>.</summary>
internal sealed class KvProbeProcess : IAsyncDisposable
{
    private readonly Process _process;

    private KvProbeProcess(Process process) => _process = process;

    /// <summary>What making the context took.</summary>
    public double CreationMs { get; private set; }

    public int ProcessId => _process.Id;

    /// <param name="group">A memory control group for it, or null.</param>
    public static async Task<KvProbeProcess> StartAsync(KvProbeOptions options, MemoryGroup? group, CancellationToken cancellationToken)
    {
        string[] probe = [Environment.ProcessPath!, KvProbe.Verb, .. options.Words()];
        // The shell moves itself before it becomes the probe, so that all of its memory counts.
        var start = group is null
            ? new ProcessStartInfo(probe[0], probe[1..])
            : new ProcessStartInfo("/bin/sh", ["-c", "echo $$ > \"$0\" && exec \"$@\"", group.MembersFile, .. probe]);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        foreach (var (name, value) in Stoker.Engine.Runners.RunnerStart.LeanEnvironment) start.Environment[name] = value;
        var started = new KvProbeProcess(Process.Start(start)!);
        try
        {
            started.CreationMs = await started.ReadAsync(cancellationToken);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="InvalidOperationException">It ended: the message has its exit code, 137 for a killed one.</exception>
    public async Task<double> AskAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(command.AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
        }
        catch (IOException)
        {
            // Gone: reading says so.
        }
        return await ReadAsync(cancellationToken);
    }

    public KvMemory Memory() => new(
        ProcFiles.MemoryMib(ProcessId, "RssAnon"),
        ProcFiles.MemoryMib(ProcessId, "RssFile"),
        ProcFiles.RollupMib(ProcessId, "Private_Dirty"),
        ProcFiles.MemoryMib(ProcessId, "VmHWM"));

    /// <summary>Asks, and looks at the anonymous memory meanwhile: gives the answer and the most that was seen, in MiB.</summary>
    public async Task<(double Answer, double PeakMib)> AskWatchedAsync(string command, CancellationToken cancellationToken)
    {
        var answer = AskAsync(command, cancellationToken);
        var peak = 0.0;
        while (!answer.IsCompleted)
        {
            peak = Math.Max(peak, ProcFiles.MemoryMib(ProcessId, "RssAnon"));
            await Task.Delay(20, cancellationToken);
        }
        return (await answer, peak);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    private async Task<double> ReadAsync(CancellationToken cancellationToken)
    {
        if (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line) return double.Parse(line, CultureInfo.InvariantCulture);
        await _process.WaitForExitAsync(cancellationToken);
        throw new InvalidOperationException($"The probe ended with {_process.ExitCode}.");
    }
}
