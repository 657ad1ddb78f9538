using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Native.Libc;

namespace Stoker.Supply.Blobs;

/// <summary>
/// The disk tier: <c>blobs/sha256/ab/abcd…</c>. A file under its digest name is complete, verified and immutable. One process, the
/// holder of the owner's lock, writes here. Thread-safe.
/// </summary>
public sealed class BlobStore : IDisposable
{
    private const int CopyBytes = 1 << 20;
    private const UnixFileMode ReadOnlyForAll = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly string _root;
    private readonly string _partial;
    private readonly VerifiedStamps _stamps;
    private readonly ChunkMapStore _maps;
    private readonly Lock _gate = new();
    private readonly Dictionary<Digest, int> _holds = [];
    private readonly SemaphoreSlim _verifying = new(1, 1);

    /// <param name="home"><c>STOKER_HOME</c>. Folders are made when they are first needed.</param>
    public BlobStore(string home)
    {
        Home = Path.GetFullPath(home);
        _root = Path.Combine(Home, "blobs", "sha256");
        _partial = Path.Combine(Home, "partial");
        _stamps = new VerifiedStamps(Home);
        _maps = new ChunkMapStore(Home);
        Addresses = new KnownAddresses(Home);
        Partials = new PartialFolder(_partial);
    }

    public string Home { get; }

    /// <summary>Downloads under way and interrupted ones.</summary>
    public PartialFolder Partials { get; }

    /// <summary>What may still be kept here: <see cref="StoreUpkeep"/> knows, where there is one.</summary>
    internal IStoreRoom Room { get; set; } = new BoundlessRoom();

    /// <summary>Which blob an address led to.</summary>
    public KnownAddresses Addresses { get; }

    /// <summary>Where the blob lies or would lie.</summary>
    public string PathOf(Digest digest) => Path.Combine(_root, digest.Hex[..2], digest.Hex);

    /// <summary>True when the file still looks as it did when it was verified: a hold of it costs no hashing.</summary>
    public bool IsSettled(Digest digest) => FileStamp.TryRead(PathOf(digest)) is { } stamp && _stamps.Matches(digest, stamp);

    /// <summary>True when a file lies under the digest's name; whether it is still sound shows when it is held.</summary>
    public bool Contains(Digest digest) => File.Exists(PathOf(digest));

    /// <summary>Opens the file in which a download collects; the key names it again after a restart.</summary>
    public PartialFile OpenPartial(Digest key, bool fresh) => PartialFile.Open(Path.Combine(_partial, key.Hex + ".part"), fresh);

    /// <summary>Bytes of disk that an interrupted download has already.</summary>
    public long PartialBytes(Digest key)
    {
        var file = new FileInfo(Path.Combine(_partial, key.Hex + ".part"));
        return file.Exists ? file.Length : 0;
    }

    /// <summary>The file beside a partial one that remembers which of its chunks are sound.</summary>
    public PartialFile OpenJournal(Digest key) => PartialFile.Open(Path.Combine(_partial, key.Hex + ".journal"), fresh: false);

    /// <summary>Removes what a crash left of a download whose blob is here. The caller has its <see cref="PartialLock"/>.</summary>
    public void DropPartial(Digest key)
    {
        try
        {
            if (!Directory.Exists(_partial)) return;
            File.Delete(Path.Combine(_partial, key.Hex + ".part"));
            File.Delete(Path.Combine(_partial, key.Hex + ".journal"));
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            // It goes when partial files are pruned.
        }
    }

    /// <summary>Waits for its turn to work on a partial file, among the threads and processes of this machine.</summary>
    /// <returns>The lock, or null where the file system's locks do nothing: then work in a nameless file.</returns>
    public Task<PartialLock?> LockPartialAsync(Digest key, TimeProvider time, CancellationToken cancellationToken) =>
        PartialLock.AcquireAsync(Path.Combine(_partial, key.Hex + ".lock"), time, cancellationToken);

    /// <summary>Waits for its turn to take room: processes beside each other would else find the same.</summary>
    internal Task<PartialLock?> LockRoomAsync(TimeProvider time, CancellationToken cancellationToken) =>
        PartialLock.AcquireAsync(Path.Combine(_partial, "room.lock"), time, cancellationToken);

    /// <summary>The sums of a blob's chunks, or null when they are not known.</summary>
    public ChunkMap? ReadMap(Digest digest) => _maps.Read(digest);

    /// <summary>Keeps the sums of a blob whose digest was verified.</summary>
    public void WriteMap(ChunkMap map) => _maps.Write(map);

    /// <summary>Like <see cref="OpenPartial"/> for content whose digest is not known before it is here.</summary>
    public PartialFile OpenNamelessPartial() => PartialFile.Open(Path.Combine(_partial, $"new-{Guid.NewGuid():N}.part"), fresh: true);

    /// <summary>Where a path that somebody names leads, symbolic links followed.</summary>
    /// <exception cref="StokerException">InvalidInput: into the store, whose files are what their names say.</exception>
    public string PlaceOutside(string path)
    {
        var target = BlobExport.Follow(Path.GetFullPath(path));
        return new[] { _root, _partial }.Any(area => target.StartsWith(area + '/', StringComparison.Ordinal))
            ? throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} leads into Stoker's own store ({Printable.Short(target, 300)}): name another place.")
            : target;
    }

    /// <summary>Free bytes where blobs are kept.</summary>
    public long FreeBytes()
    {
        var folder = Home;
        while (!Directory.Exists(folder)) folder = Path.GetDirectoryName(folder) ?? "/";
        return Files.Space(folder).AvailableBytes;
    }

    /// <summary>
    /// Gives a partial file whose content the caller has just verified its name: synced, read-only, renamed, folder synced. What
    /// lies there already under that name stays.
    /// </summary>
    /// <returns>A hold, so that nothing removes it before its manifest is written.</returns>
    public BlobLease Publish(PartialFile partial, Digest digest) => Place(digest, () =>
    {
        var path = PathOf(digest);
        partial.Sync();
        File.SetUnixFileMode(partial.Path, ReadOnlyForAll);
        if (FileStamp.TryRead(path) is null || !_stamps.Matches(digest, FileStamp.TryRead(path)!.Value))
        {
            File.Move(partial.Path, path, overwrite: true);
            partial.MarkPublished();
            Files.SyncDirectory(Path.GetDirectoryName(path)!);
            _stamps.Remember(digest, FileStamp.TryRead(path)!.Value);
        }
        else
        {
            partial.Discard();
        }
    });

    private BlobLease Place(Digest digest, Action put)
    {
        Take(digest);
        try
        {
            DurableFile.CreateFolder(Path.GetDirectoryName(PathOf(digest))!);
            put();
            return Lease(digest);
        }
        catch (Exception failed)
        {
            Release(digest);
            if (DiskErrors.IsDiskError(failed)) throw DiskErrors.Wrap(failed, "A verified download could not be kept", PathOf(digest));
            throw;
        }
    }

    /// <summary>
    /// Takes a file of somebody else's, which stays as it is, under its digest's name once its bytes are verified; see
    /// <see cref="BlobAdoption"/>.
    /// </summary>
    /// <returns>A hold and how it came, or null when the file is not what it should be.</returns>
    public async Task<(BlobLease Lease, ExportWay Way)?> AdoptAsync(string path, Digest? digest, string? gitSha1, Action<long> report, CancellationToken cancellationToken)
    {
        var temporary = Path.Combine(_partial, $"new-{Guid.NewGuid():N}.part");
        try
        {
            if (await Task.Run(() => BlobAdoption.Take(this, path, temporary, digest, gitSha1, report, cancellationToken), cancellationToken) is not (var found, var way)) return null;
            if (way != ExportWay.HardLink)
            {
                using var partial = PartialFile.Open(temporary, fresh: false);
                return (Publish(partial, found), way);
            }
            return (Place(found, () =>
            {
                if (IsSettled(found)) return; // the same content came by another way meanwhile
                File.Move(temporary, PathOf(found), overwrite: true);
                Files.SyncDirectory(Path.GetDirectoryName(PathOf(found))!);
                _stamps.Remember(found, FileStamp.TryRead(PathOf(found))!.Value);
            }), way);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>
    /// Holds a blob, or null when it is not here. A file that does not look as it did when it was verified is verified again; one
    /// that fails is moved out of its name.
    /// </summary>
    /// <exception cref="StokerException">Corrupt: the file was damaged or changed.</exception>
    public Task<BlobLease?> HoldAsync(Digest digest, CancellationToken cancellationToken) => HoldAsync(digest, static _ => { }, cancellationToken);

    /// <inheritdoc cref="HoldAsync(Digest, CancellationToken)"/>
    /// <param name="digest">Which.</param>
    /// <param name="report">Told of the bytes read, when it is verified again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<BlobLease?> HoldAsync(Digest digest, Action<long> report, CancellationToken cancellationToken)
    {
        Take(digest);
        try
        {
            if (FileStamp.TryRead(PathOf(digest)) is not { } stamp)
            {
                Release(digest);
                return null;
            }
            if (!_stamps.Matches(digest, stamp)) await VerifyAgainAsync(digest, report, cancellationToken);
            return Lease(digest);
        }
        catch (Exception failed)
        {
            Release(digest);
            if (DiskErrors.IsDiskError(failed)) throw DiskErrors.Wrap(failed, "A stored file could not be read", PathOf(digest));
            throw;
        }
    }

    /// <summary>Gives a held blob a name outside the store; see <see cref="BlobExport"/>. One at a time for each place.</summary>
    public async Task<ExportWay> ExportAsync(BlobLease blob, string path, bool own, TimeProvider time, CancellationToken cancellationToken)
    {
        var target = Path.GetFullPath(path);
        // Two places of the same sum wait for one another, and that is all; a real digest would load a library for this alone.
        var key = Crc32C.Of(Encoding.UTF8.GetBytes($"{Home}:{target}")).ToString("x8", CultureInfo.InvariantCulture);
        using var turn = await PartialLock.AcquireAsync(Path.Combine(_partial, $"out-{key}.lock"), time, cancellationToken);
        // Always the same name where the lock keeps it ours: what a crash left under it is used up by the next one.
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".stoker-{(turn is null ? Guid.NewGuid().ToString("N") : key)}.tmp");
        var before = FileStamp.TryRead(blob.Path);
        return await BlobExport.PlaceAsync(blob, target, temporary, own, () => RememberLink(blob.Digest, before), cancellationToken);
    }

    /// <summary>
    /// Takes a damaged blob out of its name and makes it a partial download of itself, so that a fetch brings only what is bad.
    /// </summary>
    /// <param name="digest">The blob; the caller has its <see cref="PartialLock"/>.</param>
    /// <exception cref="StokerException">Conflict: it is held.</exception>
    public PartialFile DemoteToPartial(Digest digest)
    {
        lock (_gate)
        {
            if (_holds.ContainsKey(digest)) throw new StokerException(ErrorKind.Conflict, $"{digest} is in use: unload the model first (stoker stop).");
            try
            {
                DurableFile.CreateFolder(_partial);
                var path = Path.Combine(_partial, digest.Hex + ".part");
                _stamps.Forget(digest);
                Unshare(PathOf(digest), path);
                Files.SyncDirectory(Path.GetDirectoryName(PathOf(digest))!);
                return OpenPartial(digest, fresh: false);
            }
            catch (Exception refused) when (DiskErrors.IsDiskError(refused))
            {
                throw DiskErrors.Wrap(refused, "A damaged file could not be taken out of the store", PathOf(digest));
            }
        }
    }

    // A file that has other names is somebody else's too: what is mended is a copy.
    private static void Unshare(string path, string target)
    {
        if (FileStamp.TryRead(path) is { Links: > 1 })
        {
            File.Copy(path, target, overwrite: true);
            File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.Delete(path);
            return;
        }
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Move(path, target, overwrite: true);
    }

    /// <summary>Removes a blob. False when it is held (then it stays) or was not here.</summary>
    public bool TryRemove(Digest digest)
    {
        lock (_gate)
        {
            if (_holds.ContainsKey(digest)) return false;
            try
            {
                _stamps.Forget(digest);
                return DurableFile.Remove(PathOf(digest));
            }
            catch (Exception refused) when (DiskErrors.IsDiskError(refused))
            {
                throw DiskErrors.Wrap(refused, "A stored file could not be removed", PathOf(digest));
            }
        }
    }

    /// <summary>True while someone holds it.</summary>
    public bool IsHeld(Digest digest)
    {
        lock (_gate) return _holds.ContainsKey(digest);
    }

    /// <summary>All files under digest names.</summary>
    public IReadOnlyList<StoredBlob> List()
    {
        if (!Directory.Exists(_root)) return [];
        var found = new List<StoredBlob>();
        foreach (var path in Directory.EnumerateFiles(_root, "*", SearchOption.AllDirectories))
        {
            if (Digest.TryFromHex(Path.GetFileName(path), out var digest))
                found.Add(new StoredBlob(digest.Value, path, new FileInfo(path).Length));
        }
        return found;
    }

    public void Dispose() => _verifying.Dispose();

    // Our own link moved the change time. Anything else that happened meanwhile shows in size or modification time.
    private void RememberLink(Digest digest, FileStamp? before)
    {
        if (before is not { } verified || !_stamps.Matches(digest, verified) || FileStamp.TryRead(PathOf(digest)) is not { } now) return;
        if (now with { ChangedNs = verified.ChangedNs, Links = verified.Links } == verified) _stamps.Remember(digest, now);
    }

    private async Task VerifyAgainAsync(Digest digest, Action<long> report, CancellationToken cancellationToken)
    {
        await _verifying.WaitAsync(cancellationToken);
        try
        {
            var path = PathOf(digest);
            if (FileStamp.TryRead(path) is not { } before) throw Missing(digest, path);
            if (_stamps.Matches(digest, before)) return; // someone else was faster
            report(0);
            var actual = await HashAsync(path, report, cancellationToken);
            if (actual == digest && FileStamp.TryRead(path) == before)
            {
                _stamps.Remember(digest, before);
                return;
            }
            var damaged = Path.Combine(_partial, $"damaged-{digest.Hex}");
            DurableFile.CreateFolder(_partial);
            File.Move(path, damaged, overwrite: true);
            throw new StokerException(ErrorKind.Corrupt, $"The stored file {path} was changed after it was verified (its content is now {actual}). It was moved to {damaged}; pull the model again.");
        }
        finally
        {
            _verifying.Release();
        }
    }

    private static async Task<Digest> HashAsync(string path, Action<long> report, CancellationToken cancellationToken)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[CopyBytes];
        for (long offset = 0; ;)
        {
            var read = await RandomAccess.ReadAsync(handle, buffer, offset, cancellationToken);
            if (read == 0) return Digest.FromBytes(hash.GetHashAndReset());
            hash.AppendData(buffer, 0, read);
            offset += read;
            if (offset % Chunk.SizeBytes == 0) report(offset);
        }
    }

    private BlobLease Lease(Digest digest)
    {
        var path = PathOf(digest);
        var stamp = FileStamp.TryRead(path) ?? throw Missing(digest, path);
        return new BlobLease(digest, path, stamp.SizeBytes, () => Release(digest));
    }

    private void Take(Digest digest)
    {
        lock (_gate) _holds[digest] = _holds.GetValueOrDefault(digest) + 1;
    }

    private void Release(Digest digest)
    {
        lock (_gate)
        {
            if (_holds[digest] == 1) _holds.Remove(digest);
            else _holds[digest]--;
        }
    }

    private static StokerException Missing(Digest digest, string path) =>
        new(ErrorKind.Corrupt, $"The stored file {path} ({digest}) has gone; pull the model again.");
}
