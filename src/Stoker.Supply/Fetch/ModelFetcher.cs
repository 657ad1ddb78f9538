using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Brings all files of a model: what is here already is held, the rest is fetched, a few files at once, each file once however many
/// want it. Thread-safe.
/// </summary>
public sealed class ModelFetcher
{
    /// <summary>Files at once; each may use several connections.</summary>
    private const int MaxFilesAtOnce = 4;

    private readonly BlobStore _store;
    private readonly SharedFetches _shared;

    private readonly Func<string, IReadOnlyList<ExpectedBlob>, IDisposable> _makeRoom;

    /// <param name="store">Where blobs are kept.</param>
    /// <param name="makeRoom">Sees to it that these files of what is named can be written, and keeps the room until disposed; or throws.</param>
    /// <param name="fetcher">Brings one file.</param>
    public ModelFetcher(BlobStore store, Func<string, IReadOnlyList<ExpectedBlob>, IDisposable> makeRoom, IBlobFetcher fetcher)
    {
        _makeRoom = makeRoom;
        _store = store;
        _shared = new SharedFetches(store, fetcher);
    }

    /// <summary>Fetches what is missing.</summary>
    /// <returns>The manifest with every digest and size, and holds on all blobs, which the caller disposes.</returns>
    public async Task<FetchedModel> FetchAsync(ModelManifest manifest, SourceSession session, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var leases = new BlobLease?[manifest.Files.Count];
        try
        {
            await HoldWhatIsHereAsync(manifest, leases, progress, cancellationToken);
            foreach (var file in manifest.Files) Chunk.CheckSize(file.SizeBytes, file.Name);
            using var room = ReserveRoom(manifest, leases, session);
            var fresh = Enumerable.Range(0, leases.Length).Where(i => leases[i] is null).ToList();
            await FetchMissingAsync(manifest, leases, session, progress, cancellationToken);
            var complete = manifest with
            {
                Files = [.. manifest.Files.Select((file, i) => file with { Digest = leases[i]!.Digest, SizeBytes = leases[i]!.SizeBytes })],
            };
            return new FetchedModel(complete, leases!, [.. fresh.Select(i => leases[i]!.Digest).Distinct()]);
        }
        catch
        {
            foreach (var lease in leases) lease?.Dispose();
            throw;
        }
    }

    private async Task HoldWhatIsHereAsync(ModelManifest manifest, BlobLease?[] leases, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        for (var i = 0; i < leases.Length; i++)
        {
            var file = manifest.Files[i];
            if (file.Digest is not { } digest) continue;
            try
            {
                leases[i] = await _store.HoldAsync(digest, cancellationToken);
            }
            catch (StokerException damaged) when (damaged.Kind == ErrorKind.Corrupt)
            {
                // It was moved out of the way: fetch it again.
            }
            if (leases[i] is { } lease)
                progress.Report(new StageProgress(Stage.Fetch, file.Name, lease.SizeBytes, lease.SizeBytes, 0, IsDone: true) { Note = StageProgress.AlreadyHere, IsLocal = true });
        }
    }

    // What lies here already counts too; when it must be copied and the disk is full, that says so itself.
    private IDisposable ReserveRoom(ModelManifest manifest, BlobLease?[] leases, SourceSession session) => _makeRoom(
        manifest.Name,
        [.. manifest.Files.Where((_, i) => leases[i] is null).Select(file => new ExpectedBlob(RangedFetcher.KeyOf(file), file.Digest, file.SizeBytes ?? 0) { IsHere = session.CopiesOf(file).Any() })]);

    private async Task FetchMissingAsync(
        ModelManifest manifest, BlobLease?[] leases, SourceSession session, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var missing = Enumerable.Range(0, leases.Length).Where(i => leases[i] is null).ToList();
        // All of them at once, so that the sum is right from the beginning.
        foreach (var file in missing.Select(i => manifest.Files[i])) progress.Report(new StageProgress(Stage.Fetch, file.Name, 0, file.SizeBytes, 0, IsDone: false));
        var options = new ParallelOptions { MaxDegreeOfParallelism = MaxFilesAtOnce, CancellationToken = cancellationToken };
        try
        {
            await Parallel.ForEachAsync(missing, options, async (i, token) =>
            {
                var reporter = new FileReporter(manifest.Files[i].Name, progress, session.Options.Time);
                leases[i] = await _shared.FetchAsync(manifest.Files[i], session, reporter.Report, token);
                reporter.Done(leases[i]!.SizeBytes);
            });
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private sealed class FileReporter(string name, IProgress<StageProgress> progress, TimeProvider time)
    {
        private readonly long _began = time.GetTimestamp();
        private readonly RateMeter _rate = new(time);
        private readonly Lock _gate = new();
        private bool _done;
        private string? _note;
        private bool _isLocal;

        internal void Report(FetchReport report)
        {
            lock (_gate)
            {
                if (_done) return;
                _note = report.Note ?? _note;
                _isLocal |= report.IsLocal;
                progress.Report(new StageProgress(Stage.Fetch, name, report.DoneBytes, report.TotalBytes, Elapsed(), IsDone: false)
                {
                    BytesPerSecond = _rate.Mark(report.DoneBytes),
                    Sources = report.Sources,
                    IsLocal = report.IsLocal,
                    Note = report.Note,
                });
            }
        }

        internal void Done(long sizeBytes)
        {
            lock (_gate)
            {
                _done = true;
                var seconds = Elapsed() / 1000;
                progress.Report(new StageProgress(Stage.Fetch, name, sizeBytes, sizeBytes, Elapsed(), IsDone: true) { BytesPerSecond = seconds > 0 ? sizeBytes / seconds : null, Note = _note, IsLocal = _isLocal });
            }
        }

        private double Elapsed() => time.GetElapsedTime(_began).TotalMilliseconds;
    }
}

/// <summary>A model whose blobs are all here and held. Must be disposed.</summary>
/// <param name="Manifest">With every digest and size.</param>
/// <param name="Leases">One for each file.</param>
/// <param name="Fresh">What was not here before.</param>
public sealed record FetchedModel(ModelManifest Manifest, IReadOnlyList<BlobLease> Leases, IReadOnlyList<Digest> Fresh) : IDisposable
{
    /// <summary>The weights in the order of their split numbers.</summary>
    public IReadOnlyList<string> WeightPaths => [.. Leases.Where((_, i) => Manifest.Files[i].Role == FileRole.Weights).Select(static lease => lease.Path)];

    public void Dispose()
    {
        foreach (var lease in Leases) lease.Dispose();
    }
}
