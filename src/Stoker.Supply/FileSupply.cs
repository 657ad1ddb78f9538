using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Supply;

/// <summary>One file from an address to a path.</summary>
public sealed record FileRequest
{
    /// <summary>Where it is; all places have the same bytes. At least one.</summary>
    public required IReadOnlyList<Uri> Addresses { get; init; }

    /// <summary>What it must be, or null: what comes first is trusted.</summary>
    public Digest? Digest { get; init; }

    /// <summary>Where it should lie, or null: in the store alone.</summary>
    public string? OutPath { get; init; }

    /// <summary>A file of its own that may be changed, never a hard link to the store's.</summary>
    public bool Own { get; init; }
}

/// <summary>A file that was fetched, or was here.</summary>
public sealed record FetchedFile(Digest Digest, long SizeBytes, string Path, ExportWay? Way);

/// <summary>A file of a model that was looked at.</summary>
public sealed record VerifiedFile(string Model, ManifestFile File, VerifiedBlob? Blob);

/// <summary>
/// Single files and their repair, without a daemon: any number of processes beside each other, each file fetched by one of them.
/// Thread-safe.
/// </summary>
public sealed class FileSupply : IDisposable
{
    private readonly BlobStore _store;
    private readonly ManifestStore _manifests;
    private readonly RangedFetcher _fetcher;
    private readonly SourceOptions _sources;

    /// <param name="home"><c>STOKER_HOME</c>, absolute.</param>
    /// <param name="options">How files are fetched.</param>
    /// <param name="sources">The way to origins.</param>
    /// <param name="quotaBytes">What blobs and partial downloads may take; what nobody needs goes for new ones. Files outside the store do not count. Null: no limit.</param>
    public FileSupply(string home, FetchOptions options, SourceOptions sources, long? quotaBytes = null)
    {
        _store = new BlobStore(home);
        _manifests = new ManifestStore(home);
        _fetcher = new RangedFetcher(_store, options);
        _sources = sources;
        if (quotaBytes is not null) _ = new StoreUpkeep(_store, _manifests, new OldestFirst(), quotaBytes, sources.Time, StoreUpkeep.OutsidersGrace);
    }

    /// <summary>Fetches what is not here, verifies, and puts it where it is wanted.</summary>
    /// <exception cref="StokerException">InvalidInput before anything is fetched; then Network, Corrupt, OutOfSpace …</exception>
    public async Task<FetchedFile> FetchAsync(FileRequest request, SourceAccess access, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        if (request.OutPath is { } wanted)
        {
            request = request with { OutPath = _store.PlaceOutside(wanted) };
            BlobExport.CheckTarget(request.OutPath);
        }
        using var lease = request.Digest is { } known && await _fetcher.HoldHereAsync(known, _sources.Time, cancellationToken) is { } here
            ? here
            : await BringAsync(request, access, report, cancellationToken);
        ExportWay? way = request.OutPath is { } path ? await _store.ExportAsync(lease, path, request.Own, _sources.Time, cancellationToken) : null;
        return new FetchedFile(lease.Digest, lease.SizeBytes, request.OutPath ?? lease.Path, way);
    }

    private async Task<BlobLease> BringAsync(FileRequest request, SourceAccess access, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        using var session = new SourceSession(access with { ExpectedDigest = request.Digest }, _sources);
        var name = Uri.UnescapeDataString(request.Addresses[0].Segments[^1]).Trim('/');
        var file = new ManifestFile { Name = name.Length > 0 ? name : "file", Role = FileRole.Other, Digest = request.Digest, Origins = request.Addresses };
        return await new LocalFirstFetcher(_store, _fetcher).FetchAsync(file, session, report, cancellationToken);
    }

    /// <summary>Models whose files can be verified: one, or all.</summary>
    /// <exception cref="StokerException">NotFound.</exception>
    public IReadOnlyList<ModelManifest> Models(string? name)
    {
        if (name is null) return _manifests.List();
        return [_manifests.Find(name) ?? _manifests.Find(ModelReference.Parse(name, ReferencePlaces.Nowhere).Canonical)
            ?? throw new StokerException(ErrorKind.NotFound, $"{Printable.Short(name)} is no model that was pulled, and only those have sums to compare with; what ships with Stoker, and files used in place, have none. stoker list shows what is installed.")];
    }

    /// <summary>Reads every byte of one file of a model.</summary>
    public VerifiedFile Verify(ModelManifest model, ManifestFile file, Action<long> report, CancellationToken cancellationToken)
    {
        var digest = file.Digest ?? throw new StokerException(ErrorKind.Corrupt, $"The manifest of {model.Name} has no digest for {file.Name}.");
        return new VerifiedFile(model.Name, file, _store.Contains(digest) ? BlobVerifier.Verify(_store.PathOf(digest), digest, _store.ReadMap(digest), report, cancellationToken) : null);
    }

    /// <summary>Brings the chunks of a file that are bad (all of it, when the chunk map does not tell which), from this machine or wherever it can be had.</summary>
    public async Task<RepairedFile> RepairAsync(VerifiedFile found, SourceAccess access, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        if (found.Blob is { IsSound: true }) return RepairedFile.Nothing;
        using var session = new SourceSession(access with { ExpectedDigest = found.File.Digest }, _sources);
        return await new BlobRepair(_store, _fetcher).RunAsync(found.File, found.Blob, session, report, cancellationToken);
    }

    public void Dispose() => _store.Dispose();
}
