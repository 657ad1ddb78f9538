using Stoker.Core.Errors;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>Which origin is asked, and what follows when one fails.</summary>
internal sealed partial class BlobDownload
{
    private async Task RecoverAsync(FetchWorker worker, TakenRange range, Origin origin, FetchFailure failure)
    {
        if (failure.OriginChanged) throw new OriginChangedException(failure.Message);
        if (failure.IsThrottle) _throttled?.Invoke();
        if (failure.OriginLied) origin.Drop(failure.Message);
        var hasOthers = _origins.Any(other => other != origin && other.IsLive);
        if (hasOthers && failure.IsTransient && origin.RestsUntil > Time.GetUtcNow()) return; // the same mishap as another connection's
        var failures = hasOthers ? origin.CountFailure() : ++_failures[range.Next];
        var decision = failure.OriginLied ? new RetryDecision(null, failure.Message) : _retries.After(failures, failure);
        if (decision.Delay is { } delay)
        {
            // Where there is another place to ask, nobody waits for this one.
            if (hasOthers) origin.RestsUntil = Time.GetUtcNow() + delay;
            else await Task.Delay(delay, Time, _stop.Token);
            return;
        }
        origin.Drop(decision.Reason);
        if (_origins.Any(static other => other.IsLive))
        {
            _failures[range.Next] = 0;
            worker.StartChunk(range.Next);
            return;
        }
        var others = _origins.Count > 1 ? $" The other places failed before: {string.Join("; ", _origins.Where(other => other != origin).Select(static other => other.DroppedBecause))}." : "";
        throw new SourceException(failure.Kind, $"{decision.Reason}.{others} What is here stays; the same command goes on from it.", canRetry: false) { RetryAfter = failure.RetryAfter };
    }

    private Action? _throttled;

    internal void OnThrottled(Action throttled) => _throttled = throttled;

    // Of those that do not rest, the one with the most speed left for another connection.
    private async Task<Origin> ChooseOriginAsync(CancellationToken cancellationToken)
    {
        var now = Time.GetUtcNow();
        var fastest = _origins.Max(static origin => origin.BestBytesPerSecond);
        var best = _origins.Where(static origin => origin.IsLive).OrderBy(origin => origin.RestsUntil > now ? origin.RestsUntil : default).ThenBy(Load).FirstOrDefault()
            ?? throw new StokerException(ErrorKind.Network, _origins[^1].DroppedBecause ?? "No origin is left.");
        if (best.RestsUntil > now) await Task.Delay(best.RestsUntil - now, Time, cancellationToken);
        return best;

        // One that has not shown its speed yet may be as fast as any.
        double Load(Origin origin) => (origin.ActiveCount + 1) / Math.Max(origin.BestBytesPerSecond > 0 ? origin.BestBytesPerSecond : fastest, 1);
    }
}
