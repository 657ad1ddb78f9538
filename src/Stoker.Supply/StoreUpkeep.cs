using Stoker.Core.Errors;
using Stoker.Supply.Blobs;

namespace Stoker.Supply;

/// <summary>What a store takes.</summary>
/// <param name="Models">Pulled models.</param>
/// <param name="ModelsBytes">Of blobs that models name, each once.</param>
/// <param name="SharedBytes">What would be added if every model had its own.</param>
/// <param name="UnnamedBytes">Of blobs that no model names.</param>
/// <param name="PartialBytes">Of downloads under way and interrupted ones.</param>
/// <param name="FreeBytes">Of the disk.</param>
/// <param name="QuotaBytes">What blobs and partial downloads may take, or null.</param>
public sealed record StoreUsage(int Models, long ModelsBytes, long SharedBytes, long UnnamedBytes, long PartialBytes, long FreeBytes, long? QuotaBytes)
{
    /// <summary>Conversations with a name; whoever knows of them says it.</summary>
    public long SessionsBytes { get; init; }

    /// <summary>Conversations without one.</summary>
    public long PromptCacheBytes { get; init; }
}

/// <summary>Something that <c>gc</c> removed or would remove.</summary>
/// <param name="Name">A digest or a partial download's file.</param>
/// <param name="SizeBytes">What went with it.</param>
/// <param name="Why">For people.</param>
public sealed record CollectedItem(string Name, long SizeBytes, string Why);

/// <summary>Says what the store takes, removes what nobody needs, and makes room. Thread-safe.</summary>
public sealed class StoreUpkeep
{
    /// <summary>How long an interrupted download is kept.</summary>
    public static readonly TimeSpan PartialAge = TimeSpan.FromDays(14);

    // Nobody finds it again: only who works on it now needs it.
    private static readonly TimeSpan NamelessAge = TimeSpan.FromDays(1);

    // What another process has just fetched is in nobody's manifest and held in that process alone.
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(10);

    private readonly BlobStore _blobs;
    private readonly ManifestStore _manifests;
    private readonly IEvictionPolicy _policy;
    private readonly long? _quotaBytes;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly List<RoomReservation> _reserved = [];

    internal StoreUpkeep(BlobStore blobs, ManifestStore manifests, IEvictionPolicy policy, long? quotaBytes, TimeProvider time)
    {
        _blobs = blobs;
        _manifests = manifests;
        _policy = policy;
        _quotaBytes = quotaBytes;
        _time = time;
    }

    public StoreUsage Usage()
    {
        var models = _manifests.List();
        var named = _manifests.ReferencedDigests();
        var blobs = _blobs.List();
        var kept = blobs.Where(blob => named.Contains(blob.Digest)).Sum(static blob => blob.SizeBytes);
        return new StoreUsage(
            models.Count, kept, Math.Max(0, models.Sum(static model => model.SizeBytes) - kept), blobs.Sum(static blob => blob.SizeBytes) - kept,
            _blobs.Partials.List().Sum(static partial => partial.SizeBytes), _blobs.FreeBytes(), _quotaBytes);
    }

    /// <summary>Removes blobs that no model names and nobody holds, and downloads that nobody went on with for two weeks.</summary>
    /// <param name="dryRun">Only says what would go.</param>
    public IReadOnlyList<CollectedItem> Collect(bool dryRun) =>
    [
        .. Unnamed(Grace).Where(one => dryRun || _blobs.TryRemove(one.Digest!.Value)).Select(static one => new CollectedItem(one.Name, one.SizeBytes, "no model names it")),
        .. _blobs.Partials.List().Where(one => Age(one) >= (PartialFolder.IsNameless(one.Name) ? NamelessAge : PartialAge) && (dryRun || _blobs.Partials.TryRemove(one.Name))).Select(static one => new CollectedItem(one.Name, one.SizeBytes, "a download that nobody went on with")),
    ];

    /// <summary>At start, before anything else uses the store: what is two weeks old and nobody needs. A crash between the last blob and the manifest leaves such a blob.</summary>
    /// <returns>Bytes freed.</returns>
    internal long Recover()
    {
        var old = Unnamed(PartialAge).Where(one => _blobs.TryRemove(one.Digest!.Value)).Sum(static one => one.SizeBytes);
        return old + _blobs.Partials.Prune(PartialAge, _time.GetUtcNow());
    }

    /// <summary>
    /// Sees to it that these files can be written, and keeps the room for them against other pulls until disposed; what nobody needs
    /// goes first, as the policy says.
    /// </summary>
    /// <param name="what">For the message.</param>
    /// <param name="files">What will come.</param>
    /// <exception cref="StokerException">OutOfSpace, with needed, free or quota.</exception>
    internal IDisposable MakeRoom(string what, IReadOnlyList<ExpectedBlob> files)
    {
        lock (_gate)
        {
            // A file that another pull brings already is in that one's reservation, and comes once.
            var promised = _reserved.SelectMany(static one => one.Files).DistinctBy(static file => file.Key).ToList();
            var fresh = files.DistinctBy(static file => file.Key).ExceptBy(promised.Select(static file => file.Key), static file => file.Key).ToList();
            Ensure(what, fresh.Sum(Outstanding), promised.Sum(Outstanding), files.Concat(promised).SelectMany(static file => file.PartialNames).ToHashSet(StringComparer.Ordinal));
            var made = new RoomReservation(files, this);
            _reserved.Add(made);
            return made;
        }
    }

    private void Ensure(string what, long neededBytes, long promisedBytes, IReadOnlySet<string> keep)
    {
        if (neededBytes <= 0) return;
        var missing = Missing(neededBytes + promisedBytes);
        if (missing > 0)
        {
            var candidates = Unnamed(Grace).Concat(_blobs.Partials.List().Where(one => !keep.Contains(one.Name) && Age(one) >= Grace)).ToList();
            foreach (var one in _policy.Choose(candidates, missing))
                _ = one.Digest is { } digest ? _blobs.TryRemove(digest) : _blobs.Partials.TryRemove(one.Name);
            missing = Missing(neededBytes + promisedBytes);
        }
        if (missing <= 0) return;
        var free = Math.Max(0, _blobs.FreeBytes() - promisedBytes);
        if (free < neededBytes) throw DiskErrors.NoRoom($"{what} cannot be pulled", _blobs.Home, neededBytes, free);
        var others = promisedBytes > 0 ? $", and {promisedBytes:N0} are on their way" : "";
        throw new StokerException(ErrorKind.OutOfSpace, $"{what} cannot be pulled: it needs {neededBytes:N0} bytes more, and the store has {Used():N0} of the {_quotaBytes:N0} that the setting store.quota allows{others}. Remove a model (stoker rm), or raise the quota.");
    }

    private long Missing(long neededBytes) =>
        Math.Max(neededBytes - _blobs.FreeBytes(), _quotaBytes is { } quota ? Used() + neededBytes - quota : long.MinValue);

    // A download takes its disk blocks when it begins, so what it still needs is what its file lacks.
    private long Outstanding(ExpectedBlob file) => file.Digest is { } digest && _blobs.Contains(digest) ? 0 : Math.Max(0, file.SizeBytes - _blobs.PartialBytes(file.Key));

    private long Used() => _blobs.List().Sum(static blob => blob.SizeBytes) + _blobs.Partials.List().Sum(static partial => partial.SizeBytes);

    private List<Evictable> Unnamed(TimeSpan age)
    {
        var named = _manifests.ReferencedDigests();
        return [.. _blobs.List().Where(blob => !named.Contains(blob.Digest) && !_blobs.IsHeld(blob.Digest))
            .Select(static blob => new Evictable(blob.Digest.ToString(), blob.SizeBytes, new DateTimeOffset(File.GetLastWriteTimeUtc(blob.Path)), blob.Digest)).Where(one => Age(one) >= age)];
    }

    private TimeSpan Age(Evictable one) => _time.GetUtcNow() - one.TouchedAt;

    private sealed class RoomReservation(IReadOnlyList<ExpectedBlob> files, StoreUpkeep owner) : IDisposable
    {
        internal IReadOnlyList<ExpectedBlob> Files => files;

        public void Dispose()
        {
            lock (owner._gate) owner._reserved.Remove(this);
        }
    }
}
