using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// Brings all files of a model: what is here already is held, the rest is fetched, a few files at once, each file once however many
/// want it. Our own reader then looks at the weights. Thread-safe.
/// </summary>
public sealed class ModelFetcher
{
    /// <summary>Files at once; each may use several connections.</summary>
    private const int MaxFilesAtOnce = 4;

    private readonly BlobStore _store;
    private readonly ModelResolver _resolver;
    private readonly SharedFetches _shared;

    public ModelFetcher(BlobStore store, IBlobFetcher fetcher, ModelResolver resolver)
    {
        _store = store;
        _resolver = resolver;
        _shared = new SharedFetches(store, fetcher);
    }

    /// <summary>Fetches and checks.</summary>
    /// <returns>The manifest with every digest and size, and holds on all blobs, which the caller disposes.</returns>
    public async Task<FetchedModel> FetchAsync(ModelManifest manifest, SourceSession session, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var leases = new BlobLease?[manifest.Files.Count];
        try
        {
            await HoldWhatIsHereAsync(manifest, leases, progress, cancellationToken);
            CheckSpace(manifest, leases);
            await FetchMissingAsync(manifest, leases, session, progress, cancellationToken);
            var complete = manifest with
            {
                Files = [.. manifest.Files.Select((file, i) => file with { Digest = leases[i]!.Digest, SizeBytes = leases[i]!.SizeBytes })],
            };
            Check(complete, leases, progress, session.Options.Time);
            return new FetchedModel(complete, leases!);
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
                progress.Report(new StageProgress(Stage.Fetch, file.Name, lease.SizeBytes, lease.SizeBytes, 0, IsDone: true) { Note = "already here" });
        }
    }

    private void CheckSpace(ModelManifest manifest, BlobLease?[] leases)
    {
        var needed = manifest.Files.Where((_, i) => leases[i] is null).DistinctBy(static file => file.Digest?.ToString() ?? file.Name)
            .Sum(file => Math.Max(0, (file.SizeBytes ?? 0) - _store.PartialBytes(RangedFetcher.KeyOf(file))));
        if (needed == 0) return;
        var free = _store.FreeBytes();
        if (free < needed) throw DiskErrors.NoRoom($"{manifest.Name} cannot be pulled", _store.Home, needed, free);
    }

    private async Task FetchMissingAsync(
        ModelManifest manifest, BlobLease?[] leases, SourceSession session, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var missing = Enumerable.Range(0, leases.Length).Where(i => leases[i] is null).ToList();
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

    private void Check(ModelManifest complete, BlobLease?[] leases, IProgress<StageProgress> progress, TimeProvider time)
    {
        var began = time.GetTimestamp();
        var paths = complete.Files.Select((file, i) => (file.Role, leases[i]!.Path)).Where(static one => one.Role == FileRole.Weights).Select(static one => one.Path).ToList();
        try
        {
            WeightsCheck.Accept(complete, paths, _resolver);
        }
        catch (StokerException refused) when (refused.Kind is ErrorKind.Corrupt or ErrorKind.Unsupported)
        {
            // Named for the user by the model's own file names, not by digests.
            var message = complete.Files.Aggregate(refused.Message, static (text, file) => text.Replace(file.Digest!.Value.Hex, file.Name, StringComparison.Ordinal));
            throw new StokerException(refused.Kind, $"{complete.Name} was fetched, but it is refused: {message}", refused);
        }
        progress.Report(new StageProgress(Stage.Verify, null, complete.SizeBytes, complete.SizeBytes, time.GetElapsedTime(began).TotalMilliseconds, IsDone: true) { Note = "SHA-256 and GGUF header" });
    }

    private sealed class FileReporter(string name, IProgress<StageProgress> progress, TimeProvider time)
    {
        private readonly long _began = time.GetTimestamp();
        private readonly RateMeter _rate = new(time);
        private readonly Lock _gate = new();
        private bool _done;

        internal void Report(FetchReport report)
        {
            lock (_gate)
            {
                if (_done) return;
                progress.Report(new StageProgress(Stage.Fetch, name, report.DoneBytes, report.TotalBytes, Elapsed(), IsDone: false)
                {
                    BytesPerSecond = _rate.Mark(report.DoneBytes),
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
                progress.Report(new StageProgress(Stage.Fetch, name, sizeBytes, sizeBytes, Elapsed(), IsDone: true) { BytesPerSecond = seconds > 0 ? sizeBytes / seconds : null });
            }
        }

        private double Elapsed() => time.GetElapsedTime(_began).TotalMilliseconds;
    }
}

/// <summary>A model whose blobs are all here and held. Must be disposed.</summary>
public sealed record FetchedModel(ModelManifest Manifest, IReadOnlyList<BlobLease> Leases) : IDisposable
{
    public void Dispose()
    {
        foreach (var lease in Leases) lease.Dispose();
    }
}
