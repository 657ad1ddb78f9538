using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>What follows a range: the next one, asked for ahead where that helps.</summary>
internal sealed partial class BlobDownload
{
    /// <summary>Gives the worker its next range, or none.</summary>
    /// <returns>That range's answer, when it is open already.</returns>
    private async Task<OpenAnswer?> GoOnAsync(FetchWorker worker, int workers)
    {
        var ahead = worker.Ahead;
        bool isWanted;
        lock (_gate)
        {
            isWanted = _workers.Count <= workers;
            worker.Range = !isWanted ? null : ahead?.Range ?? TakeNext(workers);
            if (worker.Range is { } next) worker.Begin(next);
        }
        if (ahead is null) return null;
        if (!isWanted)
        {
            await LeaveAheadAsync(worker);
            return null;
        }
        worker.Ahead = null;
        using (ahead) return await ahead.TakeAsync();
    }

    private async Task LeaveAheadAsync(FetchWorker worker)
    {
        if (worker.Ahead is not { } ahead) return;
        worker.Ahead = null;
        lock (_gate) _ranges.Release(ahead.Range);
        await ahead.LeaveAsync();
    }

    private void AskAhead(FetchWorker worker, TakenRange range)
    {
        var left = Math.Min(Chunk.Offset(range.End), _start.SizeBytes) - worker.Position;
        if (worker.Ahead is not null || !RangePlanner.IsTimeToAskAhead(left, worker.BytesPerSecond, worker.LatencyMs) || !_options.Connections.Wait(0, CancellationToken.None)) return;
        TakenRange? next;
        lock (_gate) next = _ranges.FreeCount > 0 ? TakeNext(_workers.Count) : null;
        if (next is null)
        {
            _options.Connections.Release();
            return;
        }
        worker.Ahead = new RangeAhead(next, CancellationTokenSource.CreateLinkedTokenSource(_stop.Token));
        worker.Ahead.Ask(token => OpenAsync(worker, next, token));
    }

    private async Task<OpenAnswer?> OpenAsync(FetchWorker worker, TakenRange range, CancellationToken cancellationToken)
    {
        var isHandedOn = false;
        try
        {
            var origin = await ChooseOriginAsync(cancellationToken);
            var (first, last) = (Chunk.Offset(range.First), Math.Min(Chunk.Offset(range.End), _start.SizeBytes) - 1);
            var asked = Time.GetTimestamp();
            var response = await origin.AskAsync(first, last, KnownOf(origin).IfRange, cancellationToken);
            worker.LatencyMs = Time.GetElapsedTime(asked).TotalMilliseconds;
            if (AnswerCheck.Judge(response.Message, (first, last), KnownOf(origin), origin.Shown, mayBeHtml: false) is not Answer.Part part)
            {
                response.Dispose();
                return null;
            }
            origin.Known ??= part.Validators;
            isHandedOn = true;
            return new OpenAnswer(response, origin, range.LeftCount, part.Last + 1, _options.Connections);
        }
        finally
        {
            if (!isHandedOn) _options.Connections.Release();
        }
    }
}
