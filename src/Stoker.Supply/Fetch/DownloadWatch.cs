using Stoker.Core.Errors;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Looks at a download's connections four times a second: measures, ends those that stand still or crawl, tells the parallelism
/// planner, reports progress.
/// </summary>
internal sealed class DownloadWatch
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    // A connection that is so much slower than the best that this origin has shown ...
    private const double CrawlFraction = 1.0 / 8;

    // ... for so long is opened anew.
    private static readonly TimeSpan CrawlTime = TimeSpan.FromSeconds(5);
    private const int MaxReopens = 3;

    private readonly BlobDownload _download;
    private readonly ParallelismPlanner _parallelism;
    private readonly Action<long> _report;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly Dictionary<FetchWorker, long> _crawlingSince = [];
    private long _lookedAt;
    private long _windowFrom;
    private long _windowBytes;

    internal DownloadWatch(BlobDownload download, ParallelismPlanner parallelism, Action<long> report)
    {
        _download = download;
        _parallelism = parallelism;
        _report = report;
        _time = download.Time;
        _startedAt = _lookedAt = _windowFrom = _time.GetTimestamp();
        download.OnThrottled(() =>
        {
            lock (_parallelism) _parallelism.Throttled(_time.GetElapsedTime(_startedAt));
        });
    }

    /// <summary>Waits for a tick or a wake, then looks.</summary>
    internal async Task TickAsync(SemaphoreSlim wake, CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var tick = new CancellationTokenSource(Tick, _time);
        await using var linked = tick.Token.Register(static state => ((CancellationTokenSource)state!).Cancel(), timer);
        try
        {
            await wake.WaitAsync(timer.Token);
            return; // a connection ended: deal again at once, measure at the next tick
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Look();
        }
    }

    private void Look()
    {
        var now = _time.GetTimestamp();
        var seconds = _time.GetElapsedTime(_lookedAt, now).TotalSeconds;
        _lookedAt = now;
        var workers = _download.WorkersNow();
        foreach (var worker in workers) Measure(worker, seconds, now);
        _report(workers.Sum(static worker => worker.Range is { } range ? Math.Max(0, worker.Position - Blobs.Chunk.Offset(range.Next)) : 0));
        Observe(workers, now);
    }

    private void Measure(FetchWorker worker, double seconds, long now)
    {
        var received = worker.Received;
        var rate = (received - worker.SeenBytes) / Math.Max(seconds, 0.001);
        worker.SeenBytes = received;
        if (!worker.IsReceiving)
        {
            _crawlingSince.Remove(worker);
        }
        else
        {
            worker.BytesPerSecond = worker.BytesPerSecond == 0 ? rate : (worker.BytesPerSecond * 0.8) + (rate * 0.2);
            if (worker.Range is { } range) range.Pace = worker.BytesPerSecond / Blobs.Chunk.SizeBytes;
            Judge(worker, now);
        }
        if (worker is { Attempt: not null, IsHeldBack: false } && _time.GetElapsedTime(worker.LastByteAt, now) >= _download.StallTimeout)
            End(worker, ErrorKind.Timeout, $"{worker.Origin?.Shown} sent nothing for {_download.StallTimeout.TotalSeconds:0} s");
    }

    private void Judge(FetchWorker worker, long now)
    {
        if (worker.Origin is not { } origin) return;
        origin.BestBytesPerSecond = Math.Max(origin.BestBytesPerSecond * 0.999, worker.BytesPerSecond);
        var best = _download.Origins.Where(static other => other.IsLive).Max(static other => other.BestBytesPerSecond);
        if (worker.IsHeldBack || worker.BytesPerSecond >= best * CrawlFraction || worker.ReopenCount >= MaxReopens)
        {
            _crawlingSince.Remove(worker);
            return;
        }
        if (!_crawlingSince.TryGetValue(worker, out var since))
        {
            _crawlingSince[worker] = now;
            return;
        }
        if (_time.GetElapsedTime(since, now) < CrawlTime) return;
        _crawlingSince.Remove(worker);
        worker.ReopenCount++;
        // The whole origin is slow, and another is not: leave it alone.
        if (origin.BestBytesPerSecond < best * CrawlFraction) origin.Drop($"{origin.Shown} is much slower than another place that has the file");
        End(worker, ErrorKind.Network, $"{origin.Shown} slowed down to {worker.BytesPerSecond / 1024:0} KiB/s");
    }

    private static void End(FetchWorker worker, ErrorKind kind, string message)
    {
        worker.EndedBecause = new FetchFailure(kind, IsTransient: true, message) { IsSlow = kind == ErrorKind.Network };
        try
        {
            worker.Attempt?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself in this moment.
        }
    }

    private void Observe(FetchWorker[] workers, long now)
    {
        var window = _time.GetElapsedTime(_windowFrom, now);
        if (window < TimeSpan.FromSeconds(1)) return;
        var received = _download.ReceivedBytes;
        var latencies = workers.Where(static worker => worker.LatencyMs is not null).Select(static worker => worker.LatencyMs!.Value).Order().ToList();
        double? latency = latencies.Count > 0 ? latencies[latencies.Count / 2] : null;
        lock (_parallelism)
        {
            _parallelism.Observe(
                _time.GetElapsedTime(_startedAt, now),
                new ParallelismSample((received - _windowBytes) / window.TotalSeconds, workers.Count(static worker => worker.IsReceiving), latency));
        }
        _windowFrom = now;
        _windowBytes = received;
    }
}
