using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Single flight: whoever wants a file that is on its way joins. The first caller's access does the work, over connections of its
/// own, so that one who leaves does not stop it for the rest; the last who leaves does. Thread-safe.
/// </summary>
internal sealed class SharedFetches(BlobStore store, IBlobFetcher fetcher)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Flight> _flights = [];

    /// <summary>Returns a hold of the caller's own.</summary>
    internal async Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        for (; ; )
        {
            cancellationToken.ThrowIfCancellationRequested();
            var flight = Join(file, session, report);
            try
            {
                var digest = await flight.Landed.WaitAsync(cancellationToken);
                if (await store.HoldAsync(digest, cancellationToken) is { } lease) return lease;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The one who flew it left at the moment we joined: fly it ourselves.
            }
            finally
            {
                await LeaveAsync(flight, report);
            }
        }
    }

    private Flight Join(ManifestFile file, SourceSession session, Action<FetchReport> report)
    {
        var key = file.Digest?.ToString() ?? file.GitSha1 ?? file.Origins[0].AbsoluteUri;
        lock (_gate)
        {
            var running = _flights.GetValueOrDefault(key);
            if (running is { Ending: false })
            {
                running.Passengers++;
                running.Listeners.Add(report);
                return running;
            }
            var flight = new Flight(key) { Passengers = 1 };
            flight.Listeners.Add(report);
            _flights[key] = flight;
            flight.Landed = FlyAsync(flight, running?.Landed, file, session);
            return flight;
        }
    }

    private async Task<Digest> FlyAsync(Flight flight, Task? before, ManifestFile file, SourceSession session)
    {
        await Task.Yield(); // not under the gate
        if (before is not null) await before.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            using var own = new SourceSession(session.Access, session.Options);
            var lease = await fetcher.FetchAsync(file, own, progress => Tell(flight, progress), flight.Stop.Token);
            lock (_gate) flight.Lease = lease;
            return lease.Digest;
        }
        finally
        {
            lock (_gate)
            {
                flight.Ending = true;
                if (_flights.GetValueOrDefault(flight.Key) == flight) _flights.Remove(flight.Key);
            }
        }
    }

    private void Tell(Flight flight, FetchReport progress)
    {
        Action<FetchReport>[] listeners;
        lock (_gate) listeners = [.. flight.Listeners];
        foreach (var listener in listeners) listener(progress);
    }

    private async Task LeaveAsync(Flight flight, Action<FetchReport> report)
    {
        lock (_gate)
        {
            flight.Listeners.Remove(report);
            if (--flight.Passengers > 0) return;
            flight.Ending = true;
        }
        await flight.Stop.CancelAsync();
        try
        {
            await flight.Landed; // files are closed once this returns
        }
        catch (Exception told) when (told is OperationCanceledException or Core.Errors.StokerException)
        {
            // Whoever waited has been told.
        }
        flight.Lease?.Dispose();
        flight.Stop.Dispose();
    }

    private sealed class Flight(string key)
    {
        internal string Key { get; } = key;
        internal CancellationTokenSource Stop { get; } = new();
        internal List<Action<FetchReport>> Listeners { get; } = [];
        internal Task<Digest> Landed { get; set; } = null!;
        internal BlobLease? Lease { get; set; }
        internal int Passengers { get; set; }
        internal bool Ending { get; set; }
    }
}
