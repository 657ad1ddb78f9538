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

/// <summary>
/// Says what the store takes, removes what nobody needs, and makes room. What other processes have taken is seen on the disk; what they
/// have only reserved is not. Thread-safe.
/// </summary>
public sealed class StoreUpkeep : IStoreRoom
{
    /// <summary>How long an interrupted download is kept.</summary>
    public static readonly TimeSpan PartialAge = TimeSpan.FromDays(14);

    // Nobody finds it again: only who works on it now needs it.
    private static readonly TimeSpan NamelessAge = TimeSpan.FromDays(1);

    /// <summary>For who does not know what the daemon holds: a pull that is longer under way finds its first file gone, and says so.</summary>
    internal static readonly TimeSpan OutsidersGrace = TimeSpan.FromDays(1);

    // What another process has just fetched is in nobody's manifest and held in that process alone.
    private static readonly TimeSpan OwnersGrace = TimeSpan.FromMinutes(10);

    private readonly TimeSpan _grace;
    private readonly BlobStore _blobs;
    private readonly ManifestStore _manifests;
    private readonly IEvictionPolicy _policy;
    private readonly long? _quotaBytes;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly List<RoomReservation> _reserved = [];

    internal StoreUpkeep(BlobStore blobs, ManifestStore manifests, IEvictionPolicy policy, long? quotaBytes, TimeProvider time, TimeSpan? grace = null)
    {
        _grace = grace ?? OwnersGrace;
        _blobs = blobs;
        _manifests = manifests;
        _policy = policy;
        _quotaBytes = quotaBytes;
        _time = time;
        blobs.Room = this; // whoever brings a blob asks here
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
        .. Unnamed(_grace).Where(one => dryRun || _blobs.TryRemove(one.Digest!.Value)).Select(static one => new CollectedItem(one.Name, one.SizeBytes, "no model names it")),
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
            // One of unknown size has no room until its size is known.
            var promised = _reserved.SelectMany(static one => one.Files).Where(static file => file.SizeBytes > 0).DistinctBy(static file => file.Key).ToList();
            var fresh = files.DistinctBy(static file => file.Key).ExceptBy(promised.Select(static file => file.Key), static file => file.Key).ToList();
            Ensure(what, NeedOf(fresh), NeedOf(promised), files.Concat(promised).SelectMany(static file => file.PartialNames).ToHashSet(StringComparer.Ordinal));
            var made = new RoomReservation(files, this);
            _reserved.Add(made);
            return made;
        }
    }

    async Task<IDisposable?> IStoreRoom.TakeAsync(string what, ExpectedBlob file, CancellationToken cancellationToken)
    {
        if (_quotaBytes is null) return null;
        // What is here already may take long to come, and no other process is to wait for that.
        var turn = file.IsHere ? null : await _blobs.LockRoomAsync(_time, cancellationToken);
        try
        {
            return new TakenRoom(MakeRoom(what, [file]), turn);
        }
        catch
        {
            turn?.Dispose();
            throw;
        }
    }

    private void Ensure(string what, Need fresh, Need promised, IReadOnlySet<string> keep)
    {
        if (fresh.Bytes <= 0) return;
        var missing = Missing(fresh, promised);
        if (missing > 0)
        {
            var candidates = Unnamed(_grace).Concat(_blobs.Partials.List().Where(one => !keep.Contains(one.Name) && Age(one) >= _grace)).ToList();
            foreach (var one in _policy.Choose(candidates, missing))
                _ = one.Digest is { } digest ? _blobs.TryRemove(digest) : _blobs.Partials.TryRemove(one.Name);
            missing = Missing(fresh, promised);
        }
        if (missing <= 0) return;
        var free = Math.Max(0, _blobs.FreeBytes() - promised.DiskBytes);
        if (free < fresh.DiskBytes) throw DiskErrors.NoRoom($"{what} cannot be kept", _blobs.Home, fresh.DiskBytes, free);
        var others = promised.Bytes > 0 ? $", and {promised.Bytes:N0} are on their way" : "";
        throw new StokerException(ErrorKind.OutOfSpace, $"{what} cannot be kept: it needs {fresh.Bytes:N0} bytes more, and the store has {Used():N0} of the {_quotaBytes:N0} that the setting store.quota allows{others}. Remove a model (stoker rm) or what no model needs (stoker gc), or raise the quota.");
    }

    private long Missing(Need fresh, Need promised) => Math.Max(
        fresh.DiskBytes > 0 ? fresh.DiskBytes + promised.DiskBytes - _blobs.FreeBytes() : long.MinValue,
        _quotaBytes is { } quota ? Used() + fresh.Bytes + promised.Bytes - quota : long.MinValue);

    private Need NeedOf(IReadOnlyList<ExpectedBlob> files) => new(files.Sum(Outstanding), files.Where(static file => !file.IsHere).Sum(Outstanding));

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

    /// <param name="Bytes">In the store.</param>
    /// <param name="DiskBytes">Of these, what must be written.</param>
    private readonly record struct Need(long Bytes, long DiskBytes);

    private sealed record TakenRoom(IDisposable Reservation, PartialLock? Turn) : IDisposable
    {
        public void Dispose()
        {
            Reservation.Dispose();
            Turn?.Dispose();
        }
    }

    private sealed class RoomReservation(IReadOnlyList<ExpectedBlob> files, StoreUpkeep owner) : IDisposable
    {
        internal IReadOnlyList<ExpectedBlob> Files => files;

        public void Dispose()
        {
            lock (owner._gate) owner._reserved.Remove(this);
        }
    }
}
