using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// One file from one state of its origins: look at what is here, open the first answer, deal out ranges, verify the whole, publish.
/// </summary>
internal sealed class FetchAttempt(
    ManifestFile file, SourceSession session, FetchOptions options, BlobStore store, RetryPlanner retries, PartialFile partial, PartialFile journalFile, Action<FetchReport> report) : IDisposable
{

    private readonly IPartialContent _content = options.OnDisk(partial);
    private readonly IPartialContent _journalContent = options.OnDisk(journalFile);
    private readonly Origin[] _origins = [.. file.Origins.Take(byte.MaxValue).Select((address, number) => new Origin(address, session, number))];

    /// <summary>What is in the partial file is wrong, and it cannot be told which part of it; or it is no beginning to go on from.</summary>
    internal bool IsWorthless { get; private set; }

    /// <param name="forget">What is here is of another state of the origin.</param>
    /// <param name="cancellationToken">Leaves a state to go on from.</param>
    internal async Task<BlobLease> RunAsync(bool forget, CancellationToken cancellationToken)
    {
        Chunk.CheckSize(file.SizeBytes, file.Name);
        var resume = forget ? null : ResumePoint.Read(_journalContent, _content, file, cancellationToken);
        if (resume is null) _content.SetLength(0);
        if (resume is not null && resume.Done.All(static done => done)) return await FinishRangesAsync(StartOf(resume, resume.Header.SizeBytes, KnownOf(resume)), resume, null, cancellationToken);
        using var opened = await OpenAsync(resume, cancellationToken);
        return opened switch
        {
            { Answer: Answer.Empty } => Publish(0, Digest.FromBytes(System.Security.Cryptography.SHA256.HashData([])), [], Validators.None),
            { Answer: Answer.Whole whole } => await ReceiveWholeAsync(opened, whole, cancellationToken),
            { Answer: Answer.Part { Validators.SizeBytes: { } size } part } => await FinishRangesAsync(StartOf(resume, size, part.Validators), resume, opened, cancellationToken),
            _ => throw new StokerException(ErrorKind.Network, $"{opened.Origin.Shown} does not say how long the file is."),
        };
    }

    public void Dispose()
    {
        foreach (var origin in _origins) origin.Dispose();
    }

    // Several places, and the digest decides whether their bytes are the same: a tag speaks for its own place only.
    private bool SharesOrigins => _origins.Length > 1 && file.Digest is not null;

    private Validators KnownOf(ResumePoint? resume) =>
        SharesOrigins ? new Validators(null, null, resume?.Header.SizeBytes ?? file.SizeBytes)
        : resume is { Header: var header } ? new Validators(header.ETag, header.LastModified, header.SizeBytes) : new Validators(null, null, file.SizeBytes);

    private DownloadStart StartOf(ResumePoint? resume, long size, Validators known)
    {
        Chunk.CheckSize(size, _origins[0].Shown);
        var count = Chunk.CountOf(size);
        var map = file.Digest is { } digest && store.ReadMap(digest) is { } kept && kept.SizeBytes == size ? kept : null;
        return new DownloadStart(size, known, resume?.Done ?? new bool[count], resume?.Sums ?? new ChunkSums[count], new byte[count], map) { IsDigestKnown = file.Digest is not null };
    }

    /// <summary>Asks for the first bytes that are missing, of one origin after the other.</summary>
    private async Task<Opened> OpenAsync(ResumePoint? resume, CancellationToken cancellationToken)
    {
        var known = KnownOf(resume);
        var first = resume is null ? 0 : Chunk.Offset(Array.IndexOf(resume.Done, false));
        var last = LastOfFirstRequest(resume, known.SizeBytes);
        var noRange = false;
        while (true)
        {
            var origin = _origins.Where(static one => one.IsLive).MinBy(static one => one.FailureCount)
                ?? throw new SourceException(ErrorKind.Network, string.Join(" ", _origins.Select(static one => one.DroppedBecause + ".")), canRetry: false);
            FetchFailure failure;
            try
            {
                (long, long?)? asked = noRange ? null : (first, last);
                var response = await origin.AskAsync(asked?.Item1, asked?.Item2, known.IfRange, cancellationToken);
                var answer = AnswerCheck.Judge(response.Message, asked, known, origin.Shown, mayBeHtml: file.Name.EndsWith(".html", StringComparison.OrdinalIgnoreCase));
                if (answer is Answer.Part { Validators.SizeBytes: null } && known.SizeBytes is { } size) answer = (Answer.Part)answer with { Validators = ((Answer.Part)answer).Validators with { SizeBytes = size } };
                if (answer is Answer.Part { Validators.SizeBytes: not null } or Answer.Whole or Answer.Empty)
                {
                    if (answer is Answer.Part told) origin.Known = told.Validators;
                    return new Opened(response, origin, answer);
                }
                response.Dispose();
                if (answer is Answer.Changed && resume is not null) throw new OriginChangedException($"{origin.Shown} has other content than when the download began");
                // Some origins refuse ranges, or do not tell the whole length with them, and yet give the whole.
                if (!noRange && first == 0 && (answer is Answer.Part || response.Message.StatusCode == System.Net.HttpStatusCode.RequestedRangeNotSatisfiable))
                {
                    noRange = true;
                    continue;
                }
                failure = answer is Answer.Refused refused ? refused.Failure : new FetchFailure(ErrorKind.Corrupt, IsTransient: false, Mismatch(origin, answer));
            }
            catch (SourceException failed)
            {
                failure = AnswerCheck.FailureOf(failed);
            }
            noRange = false;
            var failures = origin.CountFailure();
            var decision = retries.After(failures, failure);
            if (decision.Delay is { } delay)
            {
                // Whoever failed less often is asked first, and at once.
                if (!_origins.Any(one => one.IsLive && one.FailureCount < failures)) await Task.Delay(delay, session.Options.Time, cancellationToken);
                continue;
            }
            origin.Drop(decision.Reason);
            if (!_origins.Any(static one => one.IsLive))
                throw new SourceException(failure.Kind, Array.TrueForAll(_origins, one => one == origin) ? decision.Reason + "." : string.Join(" ", _origins.Select(static one => one.DroppedBecause + ".")), canRetry: false) { RetryAfter = failure.RetryAfter };
        }
    }

    private string Mismatch(Origin origin, Answer answer) => answer is Answer.Changed { Now.SizeBytes: { } offered } && file.SizeBytes is { } size
        ? $"{origin.Shown} offers {offered:N0} bytes where {size:N0} belong"
        : $"{origin.Shown} has other content than was announced";

    private long LastOfFirstRequest(ResumePoint? resume, long? size)
    {
        if (size is not { } known) return Chunk.Offset(BlobDownload.RangeChunks) - 1;
        var done = resume?.Done ?? new bool[Chunk.CountOf(known)];
        if (done.Length == 0) return Chunk.SizeBytes - 1;
        var first = Array.IndexOf(done, false);
        var end = first;
        while (end < done.Length && !done[end]) end++;
        var share = done.Count(static one => !one) / (2 * (options.Workers ?? Math.Min(ParallelismPlanner.StartCount, options.MaxWorkers)));
        return Math.Min(Chunk.Offset(Math.Min(end, first + Math.Clamp(share, 1, BlobDownload.RangeChunks))), known) - 1;
    }

    private async Task<BlobLease> FinishRangesAsync(DownloadStart start, ResumePoint? resume, Opened? opened, CancellationToken cancellationToken)
    {
        if (_origins.Length > 1 && file.Digest is null && start.Known.ETag is null)
            throw new StokerException(ErrorKind.InvalidInput, "Several places can share a download only when its digest is known: give --sha256.");
        await ReserveAsync(start.SizeBytes, cancellationToken);
        await using var journal = resume is null
            ? JournalFile.Begin(_journalContent, _content, session.Options.Time, new JournalHeader { SizeBytes = start.SizeBytes, ETag = start.Known.ETag, LastModified = start.Known.LastModified, Sha256 = file.Digest?.Hex })
            : JournalFile.Continue(_journalContent, _content, session.Options.Time, resume.Journal);
        var digest = await DownloadAsync(start, journal, opened, cancellationToken);
        if (IsWrong(digest)) digest = await SuspectAsync(start, journal, digest, cancellationToken);
        journal.Finish();
        return Publish(start.SizeBytes, digest.Digest, start.Sums, start.Known);
    }

    private async Task<Verified> DownloadAsync(DownloadStart start, JournalFile journal, Opened? opened, CancellationToken cancellationToken)
    {
        await using var hasher = new PrefixHasher(_content, start.SizeBytes, start.Done, file.GitSha1 is not null, options.LeavesPageCache);
        if (!start.Done.All(static done => done))
        {
            using var download = new BlobDownload(start, _origins, _content, journal, hasher, options, session.Options, retries, cancellationToken);
            var parallelism = options.Workers is { } count ? ParallelismPlanner.Fixed(count) : ParallelismPlanner.Adaptive(options.MaxWorkers);
            await download.RunAsync(opened?.ToAnswer(), parallelism, underWay => Report(Math.Min(start.SizeBytes, download.DoneBytes + underWay), start.SizeBytes));
        }
        Report(start.SizeBytes, start.SizeBytes);
        var digest = await hasher.Whole.WaitAsync(cancellationToken);
        return new Verified(digest, hasher.GitSha1);
    }

    /// <summary>
    /// The whole is wrong and several origins took part: leave out one after the other and fetch its chunks elsewhere. With one
    /// origin, or when that does not help, it is Corrupt.
    /// </summary>
    private async Task<Verified> SuspectAsync(DownloadStart start, JournalFile journal, Verified wrong, CancellationToken cancellationToken)
    {
        foreach (var suspect in _origins.Where(static origin => origin.IsLive).ToList())
        {
            if (!_origins.Any(other => other.IsLive && other != suspect)) break;
            suspect.Drop($"{suspect.Shown} gave bytes that are not the file's");
            for (var chunk = 0; chunk < start.Done.Length; chunk++) start.Done[chunk] &= start.GivenBy[chunk] != suspect.Number;
            var again = await DownloadAsync(start, journal, null, cancellationToken);
            if (!IsWrong(again)) return again;
            suspect.Clear();
        }
        throw Wrong(_origins[0], wrong.Digest);
    }

    private SourceException Wrong(Origin origin, Digest got)
    {
        IsWorthless = true;
        return new SourceException(ErrorKind.Corrupt, $"{origin.Shown} gave other bytes than were announced: expected {(file.Digest is { } digest ? digest : $"git blob {file.GitSha1}")}, got {got}.", canRetry: false);
    }

    private bool IsWrong(Verified content) => file.Digest is { } expected ? content.Digest != expected : file.GitSha1 is { } git && content.GitSha1 != git;

    private async Task<BlobLease> ReceiveWholeAsync(Opened opened, Answer.Whole whole, CancellationToken cancellationToken)
    {
        _content.SetLength(0);
        _journalContent.SetLength(0);
        var size = whole.IsGzip ? file.SizeBytes : whole.Validators.SizeBytes ?? file.SizeBytes;
        if (size is { } known) await ReserveAsync(known, cancellationToken);
        IsWorthless = true; // nobody can go on in the middle of it
        Opened? current = opened;
        for (var failures = 1; ; failures++)
        {
            try
            {
                using var response = current is null ? await opened.Origin.AskAsync(null, null, null, cancellationToken) : current.Response;
                current = null;
                var content = await WholeStream.ReceiveAsync(response, whole.IsGzip, size, _content, options, session.Options, done => Report(done, size), StillFitsAsync, cancellationToken);
                Report(content.SizeBytes, content.SizeBytes);
                if (IsWrong(new Verified(content.Digest, content.GitSha1)))
                    throw Wrong(opened.Origin, content.Digest);
                return Publish(content.SizeBytes, content.Digest, content.Chunks, whole.Validators);
            }
            catch (SourceException failed) when (failed.CanRetry)
            {
                var decision = retries.After(failures, AnswerCheck.FailureOf(failed));
                if (decision.Delay is not { } delay) throw new SourceException(failed.Kind, decision.Reason + ".", canRetry: false, failed);
                await Task.Delay(delay, session.Options.Time, cancellationToken);
            }
        }
    }

    private async Task ReserveAsync(long sizeBytes, CancellationToken cancellationToken)
    {
        using var room = await store.Room.TakeAsync(file.Name, Expected(sizeBytes), cancellationToken);
        var missing = sizeBytes - _content.LengthBytes;
        var free = store.FreeBytes();
        if (missing > free) throw DiskErrors.NoRoom("There is no room for the download", store.Home, missing, free);
        _content.Reserve(sizeBytes);
    }

    // Nobody said how much will come: what is here must not be too much already.
    private async Task StillFitsAsync(long receivedBytes, CancellationToken cancellationToken) =>
        (await store.Room.TakeAsync(file.Name, Expected(receivedBytes + 1), cancellationToken))?.Dispose();

    private ExpectedBlob Expected(long sizeBytes) => new(RangedFetcher.KeyOf(file), file.Digest, sizeBytes);

    // What is known of the blob comes before its name: a crash between them costs nothing.
    private BlobLease Publish(long sizeBytes, Digest digest, ChunkSums[] sums, Validators validators)
    {
        store.WriteMap(new ChunkMap(digest, sizeBytes, sums));
        if (file.GitSha1 is null && file.Origins[0].Scheme is "http" or "https" or "s3")
            store.Addresses.Remember(UrlSource.NameOf(file.Origins[0]), new KnownAddress(digest, validators.ETag, validators.LastModified));
        return store.Publish(partial, digest);
    }

    private void Report(long done, long? total)
    {
        var dropped = _origins.Where(static origin => !origin.IsLive).Select(static origin => origin.DroppedBecause).ToList();
        report(new FetchReport(done, total) { Sources = [.. _origins.Where(static origin => origin.IsLive && origin.ActiveCount > 0).Select(static origin => origin.Host).Distinct()], Note = dropped.Count > 0 ? string.Join("; ", dropped) : null });
    }

    private readonly record struct Verified(Digest Digest, string? GitSha1);

    /// <summary>The first answer, its body still to be read.</summary>
    private sealed record Opened(SourceResponse Response, Origin Origin, Answer Answer) : IDisposable
    {
        private bool _isTaken;

        internal OpenAnswer? ToAnswer()
        {
            _isTaken = true;
            var part = (Answer.Part)Answer;
            return new OpenAnswer(Response, Origin, (int)(((part.Last - part.First) / Chunk.SizeBytes) + 1), part.Last + 1);
        }

        public void Dispose()
        {
            if (!_isTaken) Response.Dispose();
        }
    }
}
