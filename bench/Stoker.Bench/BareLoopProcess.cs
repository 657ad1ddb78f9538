using System.Diagnostics;
using System.Globalization;

namespace Stoker.Bench;

/// <summary>A running <see cref="BareLoop"/>.</summary>
internal sealed class BareLoopProcess : IAsyncDisposable
{
    private readonly Process _process;

    private BareLoopProcess(Process process) => _process = process;

    public int ProcessId => _process.Id;

    public static async Task<BareLoopProcess> StartAsync(string model, int threads, int contextTokens, string prompt, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(
            Environment.ProcessPath!,
            [BareLoop.Verb, model, threads.ToString(CultureInfo.InvariantCulture), contextTokens.ToString(CultureInfo.InvariantCulture), prompt])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var (name, value) in Stoker.Engine.Runners.RunnerStart.LeanEnvironment) start.Environment[name] = value;
        var bare = new BareLoopProcess(Process.Start(start)!);
        if (await bare._process.StandardOutput.ReadLineAsync(cancellationToken) == "ready") return bare;
        await bare.DisposeAsync();
        throw new InvalidOperationException("The bare loop did not start.");
    }

    /// <summary>Tokens a second.</summary>
    public async Task<double> RunAsync(int tokens, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync($"run {tokens}".AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        var answer = await _process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("The bare loop ended.");
        return double.Parse(answer, CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }
}
