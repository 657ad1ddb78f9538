using System.Runtime;
using Stoker.Native.Libc;
using Stoker.Server.Http;

namespace Stoker.Server;

/// <summary>
/// Gives memory back when the daemon has worked and now rests: .NET keeps what a busy minute needed until somebody asks. Asks
/// once after each spell of work, never during one.
/// </summary>
public sealed class IdleTrim : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly HttpMetrics _metrics;
    private readonly Func<bool> _isBusy;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="metrics">Knows whether requests run, and how many have ended.</param>
    /// <param name="isBusy">True while something else works (a job).</param>
    public IdleTrim(HttpMetrics metrics, Func<bool> isBusy, TimeProvider time)
    {
        _metrics = metrics;
        _isBusy = isBusy;
        _time = time;
        _loop = Task.Run(LoopAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(Interval, _time);
        (long Answers, bool Busy) last = (0, false);
        var trimmed = true;
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                var now = (Answers: _metrics.AnsweredCount, Busy: _metrics.ActiveCount > 0 || _isBusy());
                var rested = now == last && !now.Busy;
                if (!rested) trimmed = false;
                last = now;
                if (!rested || trimmed) continue;
                trimmed = true;
                Trim();
            }
        }
        catch (OperationCanceledException)
        {
            // The daemon ends.
        }
    }

    private static void Trim()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        OwnProcess.TrimNativeHeap();
    }
}
