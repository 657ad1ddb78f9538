using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Supply;

/// <summary>
/// Everything between a reference and files that may be loaded: resolve, pull, list, find, hold, remove. One per process that owns
/// <c>STOKER_HOME</c>. Thread-safe.
/// </summary>
public sealed class ModelSupply : IDisposable
{
    private readonly BlobStore _blobs;
    private readonly ManifestStore _manifests;
    private readonly ModelResolver _resolver;
    private readonly ModelFetcher _fetcher;
    private readonly SupplyOptions _options;

    // Manifests and the blobs they name change together: a pull's manifest is written, or a model is removed, one at a time.
    private readonly SemaphoreSlim _changing = new(1, 1);

    public ModelSupply(SupplyOptions options)
    {
        _options = options;
        _blobs = new BlobStore(options.Home);
        _manifests = new ManifestStore(options.Home);
        _resolver = new ModelResolver(new ShortNamesFile(options.ProgramFolder, options.Home), options.ProgramFolder);
        _ = _resolver.Names; // a registry that cannot be read is told at the start
        Upkeep = new StoreUpkeep(_blobs, _manifests, options.Eviction, options.QuotaBytes, options.Sources.Time);
        _fetcher = new ModelFetcher(_blobs, Upkeep.MakeRoom, new LocalFirstFetcher(_blobs, options.Fetcher?.Invoke(_blobs) ?? new RangedFetcher(_blobs, options.Fetch)));
    }

    /// <summary>What the store takes, and how it gets rid of what nobody needs.</summary>
    public StoreUpkeep Upkeep { get; }

    /// <summary>The rate that all pulls share.</summary>
    public TokenBucket Rate => _options.Fetch.Rate;

    /// <summary>Free bytes where models are kept.</summary>
    public long FreeBytes => _blobs.FreeBytes();

    /// <summary>Files in the store that should be manifests and are not, with the reason.</summary>
    public IReadOnlyList<string> BrokenManifests() => _manifests.Broken();

    /// <summary>What a reference means now. Downloads nothing but small documents.</summary>
    /// <exception cref="StokerException">NotFound, Unauthorized, Forbidden, Unsupported, Network, Timeout, Corrupt.</exception>
    public async Task<ModelManifest> ResolveAsync(ModelReference reference, SourceAccess access, CancellationToken cancellationToken)
    {
        using var session = new SourceSession(access, _options.Sources);
        return await _resolver.ResolveAsync(reference, new PullOptions(), session, cancellationToken);
    }

    /// <inheritdoc cref="PullAsync(ModelReference, SourceAccess, PullOptions, IProgress{StageProgress}, CancellationToken)"/>
    public Task<ModelManifest> PullAsync(ModelReference reference, SourceAccess access, IProgress<StageProgress> progress, CancellationToken cancellationToken) =>
        PullAsync(reference, access, new PullOptions(), progress, cancellationToken);

    /// <summary>
    /// Resolves, fetches what is missing, verifies, and writes the manifest. Of a path or a built-in model the file is only looked at.
    /// Several pulls of one model fetch its bytes once.
    /// </summary>
    /// <exception cref="StokerException">What <see cref="ResolveAsync"/> throws, and OutOfSpace, Io.</exception>
    public async Task<ModelManifest> PullAsync(
        ModelReference reference, SourceAccess access, PullOptions options, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var began = _options.Sources.Time.GetTimestamp();
        using var session = new SourceSession(access, _options.Sources);
        if (options.MustRun && await KeptAsync(reference, progress, cancellationToken) is { } kept) return kept;
        progress.Report(new StageProgress(Stage.Resolve, null, 0, null, 0, IsDone: false));
        var manifest = _manifests.WithKnownDigests(await _resolver.ResolveAsync(reference, options, session, cancellationToken));
        manifest = Mirrors.Add(manifest, options.Mirrors, _manifests.Find(manifest.Name));
        progress.Report(new StageProgress(Stage.Resolve, null, 0, null, _options.Sources.Time.GetElapsedTime(began).TotalMilliseconds, IsDone: true) { Note = manifest.Name });
        if (IsInPlace(manifest))
        {
            WeightsCheck.Accept(manifest, PathsInPlace(manifest), _resolver);
            return manifest;
        }
        using var fetched = await _fetcher.FetchAsync(manifest, session, progress, cancellationToken);
        await AcceptAsync(fetched, progress, cancellationToken);
        await _changing.WaitAsync(cancellationToken);
        try
        {
            return _manifests.Write(fetched.Manifest with { PulledAt = _options.Sources.Time.GetUtcNow() });
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Models that can be named without fetching anything: pulled ones, newest first, then the built-in ones.</summary>
    public Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var all = new List<ModelManifest>(_manifests.List());
        all.AddRange(BuiltinNames().Select(TryBuiltin).OfType<ModelManifest>());
        return Task.FromResult<IReadOnlyList<ModelManifest>>(all);
    }

    /// <summary>
    /// The model that a name means here, or null; nothing is fetched. A path is found for the owner alone.
    /// </summary>
    /// <param name="name">A name or alias of a pulled model, a short name, any other reference, or an absolute path.</param>
    /// <param name="trust">Who asks.</param>
    /// <param name="cancellationToken">Ends the look-up.</param>
    /// <exception cref="StokerException">InvalidInput: a hostile or meaningless name.</exception>
    public Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Find(name, trust));
    }

    /// <summary>Where a model's files lie, and whether holding them would cost no hashing. Nothing of them is read.</summary>
    /// <exception cref="StokerException">Corrupt: a file is gone; NotFound: a path is gone.</exception>
    public ModelPlaces Locate(ModelManifest manifest)
    {
        if (IsInPlace(manifest)) return new ModelPlaces(manifest, PathsInPlace(manifest), IsSettled: true);
        var digests = manifest.Files.Select(static file => file.Digest ?? throw new StokerException(ErrorKind.Conflict, $"{file.Name} is not pulled yet.")).ToList();
        var gone = manifest.Files.FirstOrDefault(file => !_blobs.Contains(file.Digest!.Value));
        if (gone is not null) throw Gone(manifest, gone);
        return new ModelPlaces(manifest, [.. digests.Select(_blobs.PathOf)], digests.TrueForAll(_blobs.IsSettled));
    }

    /// <summary>Holds a model's files for reading. Blobs that no longer look as they did when they were verified are verified again.</summary>
    /// <exception cref="StokerException">Corrupt: a file is damaged or gone; NotFound: a path is gone.</exception>
    public Task<ModelLease> HoldAsync(ModelManifest manifest, CancellationToken cancellationToken) => HoldAsync(manifest, null, cancellationToken);

    /// <inheritdoc cref="HoldAsync(ModelManifest, CancellationToken)"/>
    /// <param name="manifest">Which.</param>
    /// <param name="progress">Told of a file that is verified again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ModelLease> HoldAsync(ModelManifest manifest, IProgress<StageProgress>? progress, CancellationToken cancellationToken)
    {
        if (IsInPlace(manifest)) return new ModelLease(manifest, PathsInPlace(manifest), []);
        var held = new List<BlobLease>();
        try
        {
            foreach (var file in manifest.Files)
            {
                if (file.Digest is not { } digest) throw new StokerException(ErrorKind.Conflict, $"{manifest.Name} is not pulled yet.");
                var began = _options.Sources.Time.GetTimestamp();
                var wasRead = false;
                var blob = await _blobs.HoldAsync(digest, done => Report(done, isDone: false), cancellationToken) ?? throw Gone(manifest, file);
                held.Add(blob);
                if (wasRead) Report(blob.SizeBytes, isDone: true);

                void Report(long done, bool isDone)
                {
                    wasRead = true;
                    progress?.Report(new StageProgress(Stage.Verify, file.Name, done, file.SizeBytes, Elapsed(began), isDone)
                    {
                        BytesPerSecond = done / Math.Max(1e-3, Elapsed(began) / 1000),
                        Note = "it was changed or moved since it was verified",
                    });
                }
            }
            return new ModelLease(manifest, [.. held.Select(static blob => blob.Path)], held);
        }
        catch
        {
            foreach (var blob in held) blob.Dispose();
            throw;
        }
    }

    /// <summary>Removes a pulled model and the blobs that no other model names.</summary>
    /// <returns>What went, or null when there was no such model.</returns>
    /// <exception cref="StokerException">Conflict: it is loaded or being read. Unsupported: a path or a built-in model.</exception>
    public async Task<RemovedModel?> RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            if (Find(name, CallerTrust.Owner) is not { } manifest) return null;
            if (manifest.Source == ModelSourceKind.Builtin)
                throw new StokerException(ErrorKind.Unsupported, $"{manifest.Name} ships with the program and cannot be removed.");
            if (manifest.Source == ModelSourceKind.File)
                throw new StokerException(ErrorKind.Unsupported, $"{manifest.Name} is a file of yours, which Stoker uses in place and does not remove.");
            var own = manifest.Files.Select(static file => file.Digest!.Value).Distinct().ToList();
            var shared = _manifests.List().Where(other => other.Name != manifest.Name || other.Source != manifest.Source)
                .SelectMany(static other => other.Files).Select(static file => file.Digest!.Value).ToHashSet();
            if (own.Any(digest => !shared.Contains(digest) && _blobs.IsHeld(digest)))
                throw new StokerException(ErrorKind.Conflict, $"{manifest.Name} is in use: it is loaded or being pulled. Unload it first (stoker stop {manifest.Name}).");
            _manifests.Remove(manifest);
            var sizes = manifest.Files.GroupBy(static file => file.Digest!.Value).ToDictionary(static group => group.Key, static group => group.First().SizeBytes ?? 0);
            var freed = own.Where(digest => !shared.Contains(digest) && _blobs.TryRemove(digest)).Sum(digest => sizes[digest]);
            return new RemovedModel(manifest, freed, own.Where(shared.Contains).Sum(digest => sizes[digest]));
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>At start, before anything else uses the store: see <see cref="StoreUpkeep"/>.</summary>
    /// <returns>Bytes freed.</returns>
    public long Recover() => Upkeep.Recover();

    public void Dispose()
    {
        _changing.Dispose();
        _blobs.Dispose();
    }

    private double Elapsed(long began) => _options.Sources.Time.GetElapsedTime(began).TotalMilliseconds;

    private static StokerException Gone(ModelManifest manifest, ManifestFile file) =>
        new(ErrorKind.Corrupt, $"{file.Name} of {manifest.Name} is missing from the store; fetch it again: stoker pull {manifest.Name}");

    // To be run, what is installed will do as it is, if it is sound.
    private async Task<ModelManifest?> KeptAsync(ModelReference reference, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        if (reference is FileReference || Find(reference.Canonical, CallerTrust.Network) is not { Selection: null } kept || IsInPlace(kept)) return null;
        try
        {
            using var lease = await HoldAsync(kept, progress, cancellationToken);
            return kept;
        }
        catch (StokerException damaged) when (damaged.Kind == ErrorKind.Corrupt)
        {
            return null; // it is fetched again
        }
    }

    // What our own reader refuses is not kept either.
    private async Task AcceptAsync(FetchedModel fetched, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var manifest = fetched.Manifest;
        var began = _options.Sources.Time.GetTimestamp();
        try
        {
            WeightsCheck.Accept(manifest, fetched.WeightPaths, _resolver);
        }
        catch (StokerException refused) when (refused.Kind is ErrorKind.Corrupt or ErrorKind.Unsupported)
        {
            fetched.Dispose();
            await RemoveUnnamedAsync(fetched.Fresh, cancellationToken);
            // Named for the user by the model's own file names, not by digests.
            var message = manifest.Files.Aggregate(refused.Message, static (text, file) => text.Replace(file.Digest!.Value.Hex, file.Name, StringComparison.Ordinal));
            throw new StokerException(refused.Kind, $"{manifest.Name} was fetched, but it is refused: {message}", refused);
        }
        progress.Report(new StageProgress(Stage.Verify, null, manifest.SizeBytes, manifest.SizeBytes, _options.Sources.Time.GetElapsedTime(began).TotalMilliseconds, IsDone: true) { Note = manifest.Selection is null ? "SHA-256 and GGUF header" : "SHA-256, git SHA-1 and safetensors headers" });
    }

    private async Task RemoveUnnamedAsync(IReadOnlyList<Digest> digests, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            var named = _manifests.ReferencedDigests();
            foreach (var digest in digests.Where(digest => !named.Contains(digest))) _blobs.TryRemove(digest);
        }
        finally
        {
            _changing.Release();
        }
    }

    private ModelManifest? Find(string name, CallerTrust trust)
    {
        var reference = ModelReference.Parse(name, ReferencePlaces.Nowhere);
        if (reference is FileReference file)
        {
            if (trust != CallerTrust.Owner) return null;
            try
            {
                return FileSource.Resolve(file.Path);
            }
            catch (StokerException absent) when (absent.Kind == ErrorKind.NotFound)
            {
                return null;
            }
        }
        if ((_manifests.Find(name) ?? _manifests.Find(reference.Canonical)) is { } pulled) return pulled;
        return reference switch
        {
            UrlReference url => _manifests.Find(UrlSource.NameOf(url.Address)),
            ShortReference named => TryBuiltin(named.Canonical) ?? FindMeaning(named),
            _ => null,
        };
    }

    // qwen2.5:0.5b also finds what was pulled by its whole name.
    private ModelManifest? FindMeaning(ShortReference named)
    {
        if (_resolver.Names.Find(named) is not { } known) return null;
        return (known.HuggingFace is null ? null : _manifests.Find(known.HuggingFaceReference().Canonical))
            ?? (known.Ollama is null ? null : _manifests.Find(known.OllamaReference().Canonical));
    }

    // A mistake in the user's registry is told to whoever asks for a short name; it does not hide what is installed.
    private IReadOnlyList<string> BuiltinNames()
    {
        try
        {
            return _resolver.Names.Names;
        }
        catch (StokerException)
        {
            return [];
        }
    }

    private ModelManifest? TryBuiltin(string name)
    {
        try
        {
            return ModelReference.Parse(name, ReferencePlaces.Nowhere) is ShortReference named ? _resolver.Builtin(named) : null;
        }
        catch (StokerException missing) when (missing.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    private static bool IsInPlace(ModelManifest manifest) => manifest.Source is ModelSourceKind.File or ModelSourceKind.Builtin;

    private static IReadOnlyList<string> PathsInPlace(ModelManifest manifest)
    {
        var paths = manifest.Files.Where(static file => file.Role == FileRole.Weights).Select(static file => FileAddress.PathOf(file.Origins[0])!).ToList();
        var gone = paths.Find(static path => !File.Exists(path));
        return gone is null ? paths : throw new StokerException(ErrorKind.NotFound, $"There is no file {Printable.Short(gone, 300)}.");
    }
}

/// <summary>What supply is made from.</summary>
public sealed record SupplyOptions
{
    /// <summary><c>STOKER_HOME</c>, absolute.</summary>
    public required string Home { get; init; }

    /// <summary>The program's own folder: the registry of short names and the built-in model lie in its <c>models</c>.</summary>
    public string ProgramFolder { get; init; } = AppContext.BaseDirectory;

    public SourceOptions Sources { get; init; } = new();

    /// <summary>How files are fetched, by all pulls together.</summary>
    public FetchOptions Fetch { get; init; } = new();

    /// <summary>Most that blobs and partial downloads may take, or null.</summary>
    public long? QuotaBytes { get; init; }

    /// <summary>What goes first when room is needed.</summary>
    public IEvictionPolicy Eviction { get; init; } = new OldestFirst();

    /// <summary>Another way to fetch blobs; null: the usual one.</summary>
    public Func<BlobStore, IBlobFetcher>? Fetcher { get; init; }
}
