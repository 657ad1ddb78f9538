using System.Diagnostics;
using System.Text.Json;

namespace Stoker.Bench.Kv;

/// <summary>A running <see cref="KvChild"/>. Not thread-safe: one command at a time.</summary>
internal sealed class KvChildProcess : IAsyncDisposable
{
    private readonly Process _process;

    private KvChildProcess(Process process) => _process = process;

    public int ProcessId => _process.Id;

    /// <summary>The answer to its start: seconds for making the context, and the mode.</summary>
    public KvReply Opened { get; private set; } = new();

    /// <param name="cgroup">A memory cgroup to start it in, or null.</param>
    /// <exception cref="KvChildEndedException">It ended instead of answering.</exception>
    public static async Task<KvChildProcess> StartAsync(KvChildOptions options, MemoryCgroup? cgroup, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Folder);
        IReadOnlyList<string> command = [Environment.ProcessPath!, KvChild.Verb, .. options.Arguments()];
        if (cgroup is not null) command = cgroup.Entering(command);
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in Stoker.Engine.Runners.RunnerStart.LeanEnvironment) start.Environment[name] = value;
        var child = new KvChildProcess(Process.Start(start)!);
        child._process.ErrorDataReceived += static (_, line) =>
        {
            if (line.Data is { Length: > 0 } text) Console.Error.WriteLine($"    {text}");
        };
        child._process.BeginErrorReadLine();
        try
        {
            child.Opened = await child.ReadAsync(cancellationToken);
            return child;
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="KvChildEndedException">It ended instead of answering.</exception>
    public async Task<KvReply> AskAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(command.AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
        }
        catch (IOException)
        {
            // Gone: reading says how.
        }
        return await ReadAsync(cancellationToken);
    }

    /// <summary>The same, looking at its private memory meanwhile: the most that was seen, in MiB.</summary>
    public async Task<(KvReply Reply, double PeakRssAnon)> AskAndWatchAsync(string command, CancellationToken cancellationToken)
    {
        var asked = AskAsync(command, cancellationToken);
        var peak = 0.0;
        while (!asked.IsCompleted)
        {
            peak = Math.Max(peak, ProcFiles.MemoryMib(ProcessId, "RssAnon"));
            await Task.WhenAny(asked, Task.Delay(10, cancellationToken));
        }
        return (await asked, peak);
    }

    public MemorySample Memory() => MemorySample.Of(ProcessId);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    private async Task<KvReply> ReadAsync(CancellationToken cancellationToken)
    {
        if (await _process.StandardOutput.ReadLineAsync(cancellationToken) is not { } line)
        {
            await _process.WaitForExitAsync(cancellationToken);
            throw new KvChildEndedException(_process.ExitCode);
        }
        var reply = JsonSerializer.Deserialize(line, KvJson.Default.KvReply)!;
        return reply.Error is { } error ? throw new InvalidOperationException(error) : reply;
    }
}

/// <summary>A child of the KV benchmark ended while it was asked something.</summary>
internal sealed class KvChildEndedException(int exitCode) : Exception($"The child ended with {exitCode}.")
{
    public int ExitCode { get; } = exitCode;

    /// <summary>As an out-of-memory kill looks.</summary>
    public bool WasKilled => ExitCode == 128 + 9;
}
