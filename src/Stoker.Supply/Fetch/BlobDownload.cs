using Stoker.Core.Errors;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// One file's ranges, brought by several connections into one file. All decisions about ranges are taken under one lock; each
/// connection writes only its own chunks. Ends when every chunk is here, or with the first final failure, which cancels the rest.
/// </summary>
internal sealed partial class BlobDownload : IDisposable
{
    /// <summary>What one request asks for, unless its wait would be felt.</summary>
    internal const int RangeChunks = 4;

    private readonly DownloadStart _start;
    private readonly IReadOnlyList<Origin> _origins;
    private readonly IPartialContent _content;
    private readonly JournalFile _journal;
    private readonly PrefixHasher _hasher;
    private readonly FetchOptions _options;
    private readonly SourceOptions _source;
    private readonly RetryPlanner _retries;
    private readonly RangePlanner _ranges;
    private readonly int[] _failures;
    private readonly Lock _gate = new();
    private readonly List<FetchWorker> _workers = [];
    private readonly CancellationTokenSource _stop;
    private readonly SemaphoreSlim _wake = new(0);

    // Common file systems let one write into a file at a time; who waits for that in the kernel spins.
    private readonly SemaphoreSlim _writing = new(1, 1);
    private StokerException? _failure;
    private long _receivedBytes;

    internal BlobDownload(
        DownloadStart start, IReadOnlyList<Origin> origins, IPartialContent content, JournalFile journal, PrefixHasher hasher, FetchOptions options, SourceOptions source,
        RetryPlanner retries, CancellationToken cancellationToken)
    {
        _start = start;
        _origins = origins;
        _content = content;
        _journal = journal;
        _hasher = hasher;
        _options = options;
        _source = source;
        _retries = retries;
        var count = Chunk.CountOf(start.SizeBytes);
        _ranges = new RangePlanner(count, chunk => start.Done[chunk]);
        _failures = new int[count];
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        DoneBytes = start.Done.Select((done, chunk) => done ? (long)Chunk.LengthOf(chunk, start.SizeBytes) : 0).Sum();
    }

    /// <summary>Bytes of finished chunks.</summary>
    internal long DoneBytes { get; private set; }

    /// <summary>Bytes taken from origins, fetched-again ones included.</summary>
    internal long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    internal TimeProvider Time => _source.Time;

    internal TimeSpan StallTimeout => _options.RetryOf(_source).StallTimeout;

    /// <summary>Runs to the end.</summary>
    /// <param name="opening">An answer that is open already and begins at the first missing chunk, or null.</param>
    /// <param name="parallelism">How many connections.</param>
    /// <param name="report">Told of finished and received bytes.</param>
    internal async Task RunAsync(OpenAnswer? opening, ParallelismPlanner parallelism, Action<long> report)
    {
        var running = new List<Task>();
        var watch = new DownloadWatch(this, parallelism, report);
        try
        {
            while (true)
            {
                _stop.Token.ThrowIfCancellationRequested();
                running.RemoveAll(static task => task.IsCompletedSuccessfully);
                if (running.Find(static task => task.IsFaulted) is { } broken) await broken;
                if (IsComplete && running.Count == 0) break;
                while (running.Count < parallelism.Count && TakeRange(parallelism.Count, opening) is { } worker)
                {
                    running.Add(WorkAsync(worker, opening, parallelism));
                    opening = null;
                }
                if (running.Count == 0 && !IsComplete) throw new StokerException(ErrorKind.Internal, "A download has chunks left and nobody to fetch them.");
                await watch.TickAsync(_wake, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_failure is not null)
        {
            throw _failure;
        }
        finally
        {
            await _stop.CancelAsync();
            opening?.Dispose();
            foreach (var task in running)
            {
                try
                {
                    await task;
                }
                catch (OperationCanceledException)
                {
                    // They were told to.
                }
            }
        }
    }

    internal bool IsComplete
    {
        get { lock (_gate) return _ranges.IsComplete; }
    }

    internal IReadOnlyList<Origin> Origins => _origins;

    internal FetchWorker[] WorkersNow()
    {
        lock (_gate) return [.. _workers];
    }

    /// <summary>True when some range waits for a connection.</summary>
    internal bool HasFree
    {
        get { lock (_gate) return _ranges.FreeCount > 0; }
    }

    public void Dispose()
    {
        foreach (var worker in WorkersNow()) worker.Dispose();
        _stop.Dispose();
        _wake.Dispose();
        _writing.Dispose();
    }

    private FetchWorker? TakeRange(int workers, OpenAnswer? opening)
    {
        lock (_gate)
        {
            var range = opening is null ? TakeNext(workers) : _ranges.Take(1, Math.Max(1, opening.ChunkCount), Math.Max(1, opening.ChunkCount));
            if (range is null) return null;
            var worker = new FetchWorker();
            worker.Begin(range);
            _workers.Add(worker);
            return worker;
        }
    }

    private TakenRange? TakeNext(int workers)
    {
        var least = MinChunks();
        return _ranges.Take(workers, least, Math.Max(least, RangeChunks));
    }

    // A request should carry more than its wait for the first byte would have carried: then the next can be asked for in time.
    private int MinChunks()
    {
        var waits = _workers.Where(static worker => worker is { LatencyMs: not null, BytesPerSecond: > 0 }).Select(static worker => worker.LatencyMs!.Value * worker.BytesPerSecond).ToList();
        return waits.Count == 0 ? 1 : (int)Math.Clamp(waits.Average() / 1000 * 2 / Chunk.SizeBytes, 1, 16);
    }

    private async Task WorkAsync(FetchWorker worker, OpenAnswer? opening, ParallelismPlanner parallelism)
    {
        try
        {
            await Task.Yield();
            while (worker.Range is { } range)
            {
                await FetchRangeAsync(worker, range, opening);
                opening = await GoOnAsync(worker, parallelism.Count);
            }
        }
        catch (StokerException final)
        {
            // The first final failure is what is told; it stops all others at once.
            Interlocked.CompareExchange(ref _failure, final, null);
            await _stop.CancelAsync();
        }
        finally
        {
            opening?.Dispose();
            await LeaveAheadAsync(worker);
            lock (_gate)
            {
                if (worker.Range is { } left) _ranges.Release(left);
                _workers.Remove(worker);
            }
            worker.Dispose();
            Wake();
        }
    }

    private async Task FetchRangeAsync(FetchWorker worker, TakenRange range, OpenAnswer? opening)
    {
        while (!range.IsGone)
        {
            var origin = opening?.Origin ?? await ChooseOriginAsync(_stop.Token);
            if (worker.Origin != origin) worker.StartChunk(range.Next);
            worker.Origin = origin;
            var failure = await TryOnceAsync(worker, range, origin, opening);
            opening = null;
            if (failure is null || range.IsGone) continue;
            await LeaveAheadAsync(worker);
            await RecoverAsync(worker, range, origin, failure);
        }
    }

    private async Task<FetchFailure?> TryOnceAsync(FetchWorker worker, TakenRange range, Origin origin, OpenAnswer? opening)
    {
        if (opening is not { HasSlot: true }) await _options.Connections.WaitAsync(_stop.Token);
        Interlocked.Increment(ref origin.ActiveCount);
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        worker.EndedBecause = null;
        worker.IsHeldBack = false;
        worker.Saw(0, Time.GetTimestamp());
        worker.Attempt = attempt;
        try
        {
            var last = Math.Min(Chunk.Offset(range.End), _start.SizeBytes) - 1;
            var asked = Time.GetTimestamp();
            using var response = opening?.Take() ?? await origin.AskAsync(worker.Position, last, KnownOf(origin).IfRange, attempt.Token);
            if (opening is null) worker.LatencyMs = Time.GetElapsedTime(asked).TotalMilliseconds;
            var end = opening?.EndBytes;
            if (end is null)
            {
                var answer = AnswerCheck.Judge(response.Message, (worker.Position, last), KnownOf(origin), origin.Shown, mayBeHtml: false);
                if (Refusal(answer, origin) is { } refusal) return refusal;
                origin.Known ??= ((Answer.Part)answer).Validators;
                end = ((Answer.Part)answer).Last + 1;
            }
            worker.IsReceiving = true;
            await using var body = await response.Message.Content.ReadAsStreamAsync(attempt.Token);
            return await ReceiveAsync(worker, range, origin, body, end.Value, response.Message.Content.Headers.ContentLength is null, attempt.Token);
        }
        catch (SourceException failed)
        {
            return AnswerCheck.FailureOf(failed);
        }
        catch (OperationCanceledException) when (worker.EndedBecause is { } because && !_stop.IsCancellationRequested)
        {
            return because;
        }
        catch (Exception cut) when (cut is IOException or HttpRequestException or ObjectDisposedException && !_stop.IsCancellationRequested)
        {
            return worker.EndedBecause ?? new FetchFailure(ErrorKind.Network, IsTransient: true, $"{origin.Shown} broke off: {Printable.Short(cut.Message)}");
        }
        finally
        {
            worker.IsReceiving = false;
            worker.Attempt = null;
            Interlocked.Decrement(ref origin.ActiveCount);
            _options.Connections.Release();
        }
    }

    // Of a place that has not answered yet only the size is known, if the digest will tell whether it has the same bytes.
    private Validators KnownOf(Origin origin) =>
        origin.Known ?? (_start.IsDigestKnown && _origins.Count > 1 ? Validators.None with { SizeBytes = _start.SizeBytes } : _start.Known);

    private static FetchFailure? Refusal(Answer answer, Origin origin) => answer switch
    {
        Answer.Part => null,
        Answer.Refused refused => refused.Failure,
        Answer.Changed or Answer.Empty => new FetchFailure(ErrorKind.Network, IsTransient: false, $"{origin.Shown} has other content than when the download began") { OriginChanged = true },
        // If-Range failed, or ranges are served by chance: either way this is not a part of what we have.
        _ => new FetchFailure(ErrorKind.Network, IsTransient: false, $"{origin.Shown} no longer answers ranges") { OriginChanged = true },
    };

    /// <returns>Null when the answer was read to its end, or to where it is not needed any more.</returns>
    private async Task<FetchFailure?> ReceiveAsync(FetchWorker worker, TakenRange range, Origin origin, Stream body, long end, bool isUnframed, CancellationToken cancellationToken)
    {
        var buffer = worker.Buffer;
        var rate = _options.Rate;
        var most = rate.PreferredReadBytes(buffer.Length);
        var filled = 0;
        while (worker.Position + filled < end)
        {
            var chunkEnd = Math.Min(Chunk.Offset(range.Next + 1), _start.SizeBytes);
            var wanted = (int)Math.Min(Math.Min(most, buffer.Length) - filled, Math.Min(chunkEnd, end) - worker.Position - filled);
            var read = await body.ReadAsync(buffer.AsMemory(filled, wanted), cancellationToken);
            if (read == 0) return new FetchFailure(ErrorKind.Network, IsTransient: true, $"{origin.Shown} ended at byte {worker.Position + filled:N0} of {end:N0}");
            filled += read;
            worker.Saw(read, Time.GetTimestamp());
            Interlocked.Add(ref _receivedBytes, read);
            if (rate.BytesPerSecond is not null) await TakeRateAsync(worker, read, cancellationToken);
            if (filled < most && worker.Position + filled < Math.Min(chunkEnd, end)) continue;
            var bytes = buffer.AsMemory(0, filled);
            await WriteAsync(worker, bytes, cancellationToken);
            worker.Append(bytes.Span);
            filled = 0;
            AskAhead(worker, range);
            if (worker.Position < chunkEnd) continue;
            var (goesOn, failure) = FinishChunk(worker, range, origin);
            if (failure is not null || !goesOn) return failure;
        }
        // Without a length the body could go on; then it is not what Content-Range says.
        if (isUnframed && await body.ReadAsync(buffer.AsMemory(0, 1), cancellationToken) > 0)
            return new FetchFailure(ErrorKind.Network, IsTransient: true, $"{origin.Shown} sends more than it announced");
        return null;
    }

    private async ValueTask TakeRateAsync(FetchWorker worker, int bytes, CancellationToken cancellationToken)
    {
        worker.IsHeldBack = true;
        await _options.Rate.TakeAsync(bytes, cancellationToken);
        worker.Saw(0, Time.GetTimestamp());
        worker.IsHeldBack = false;
    }

    // A disk that takes long is not the origin's fault.
    private async Task WriteAsync(FetchWorker worker, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        worker.IsHeldBack = true;
        await _writing.WaitAsync(cancellationToken);
        try
        {
            _content.Write(bytes.Span, worker.Position);
        }
        finally
        {
            _writing.Release();
        }
        worker.Saw(0, Time.GetTimestamp());
        worker.IsHeldBack = false;
    }

    private (bool GoesOn, FetchFailure? Failure) FinishChunk(FetchWorker worker, TakenRange range, Origin origin)
    {
        var chunk = range.Next;
        var sums = worker.FinishChunk();
        if (_start.Map is { } map && map.Chunks[chunk].Sha256 != sums.Sha256)
        {
            worker.StartChunk(chunk);
            return (false, new FetchFailure(ErrorKind.Corrupt, IsTransient: false, $"{origin.Shown} sent wrong bytes (chunk {chunk})") { OriginLied = true });
        }
        var length = Chunk.LengthOf(chunk, _start.SizeBytes);
        bool goesOn;
        origin.ClearFailures();
        lock (_gate)
        {
            _start.Sums[chunk] = sums;
            _start.Done[chunk] = true;
            _start.GivenBy[chunk] = (byte)origin.Number;
            DoneBytes += length;
            _ranges.Finish(range);
            goesOn = !range.IsGone;
        }
        _content.StartWriteBack(Chunk.Offset(chunk), length);
        _journal.Add(new JournaledChunk(chunk, sums));
        _hasher.Arrived(chunk);
        if (_journal.Failure is { } disk) throw disk;
        return (goesOn, null);
    }

    private void Wake()
    {
        if (_wake.CurrentCount == 0) _wake.Release();
    }
}
