using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>
/// The sessions of a home, one folder each; those without a name, which the prompt cache keeps, in an area of their own. Several processes use it at once: a session belongs to whoever holds its folder's
/// lock; names are given out under the store's. A folder appears and goes by a rename. Thread-safe.
/// </summary>
public sealed class SessionStore
{
    private const string CacheFolder = "cache";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly SessionRoom _room;

    public SessionStore(SessionStoreOptions options, TimeProvider time)
    {
        Options = options;
        Time = time;
        _room = new SessionRoom(this);
    }

    public SessionStoreOptions Options { get; }
    internal TimeProvider Time { get; }

    private string StoreLock => Path.Combine(Options.Root, ".lock");

    internal string CacheRoot => Path.Combine(Options.Root, CacheFolder);

    /// <summary>All that have a name, those used last first; with a scope, its own alone.</summary>
    public IReadOnlyList<SessionSummary> List(string? scope = null) => Summaries(Folders(), scope);

    /// <summary>All that the prompt cache keeps, those used last first.</summary>
    public IReadOnlyList<SessionSummary> ListCache() => Summaries(FoldersIn(CacheRoot), null);

    private IReadOnlyList<SessionSummary> Summaries(IEnumerable<SessionFolder> folders, string? scope) => SessionErrors.OnDisk("Listing sessions", Options.Root, () =>
        folders.Select(SessionSummaries.TryRead).OfType<SessionSummary>().Where(summary => scope is null || summary.Scope == scope)
            .OrderByDescending(static summary => summary.UsedAt).ToList());

    /// <summary>Disk blocks of those with a name, and of the prompt cache's, in bytes; what several share counts once in each.</summary>
    public (long Named, long Cached) UsedBytes() =>
        SessionErrors.OnDisk("Measuring sessions", Options.Root, () => (SessionRoom.UsedBytes(Folders()), SessionRoom.UsedBytes(CacheFolders())));

    /// <summary>Disk blocks of all of them together, in bytes; what several share counts once.</summary>
    public long AllUsedBytes() => SessionErrors.OnDisk("Measuring sessions", Options.Root, () => SessionRoom.UsedBytes([.. Folders(), .. CacheFolders()]));

    /// <summary>By name or id; null: there is none. With a scope, only its own is seen.</summary>
    /// <exception cref="StokerException">Conflict: several scopes have one of that name.</exception>
    public SessionSummary? Find(string nameOrId, string? scope = null) =>
        FindFolder(nameOrId, scope) is { } folder ? SessionErrors.OnDisk("Reading a session", folder.Path, () => SessionSummaries.TryRead(folder)) : null;

    /// <summary>A new, empty session, held by the caller.</summary>
    /// <param name="name">Null: one of the prompt cache.</param>
    /// <param name="layout">Of its files; null: its cells will lie in the state.</param>
    /// <exception cref="StokerException">InvalidInput, Conflict: the name. OutOfSpace, Io.</exception>
    public OpenSession Create(string? name, string scope, SessionIdentity identity, KvLayout? layout) => Make(name, scope, (folder, held, label) =>
    {
        var session = new OpenSession(this, folder, held, label, identity) { Layout = layout };
        session.Begin(layout is null ? null : new KvChain([], Own(KvFile.Create(folder.NextKvFile(), layout))), null);
        return session;
    });

    /// <summary>Opens for going on, and holds it.</summary>
    /// <param name="identity">What the caller computes with: another one is refused.</param>
    /// <param name="layout">Of the caller's files; null: its cells lie in memory.</param>
    /// <exception cref="StokerException">NotFound; Busy: another holds it; Conflict: it belongs elsewhere; Corrupt: its snapshot is damaged; Io.</exception>
    public OpenSession Open(string nameOrId, string? scope, SessionIdentity identity, KvLayout? layout) => Checked(OpenInDoubt(nameOrId, scope, identity, layout));

    /// <summary>As <see cref="Open"/>, but whoever asks sees to <see cref="OpenSession.Check"/>.</summary>
    public OpenSession OpenInDoubt(string nameOrId, string? scope, SessionIdentity identity, KvLayout? layout) =>
        TryOpenInDoubt(nameOrId, scope, identity, layout) ?? throw SessionErrors.NotFound(nameOrId);

    /// <summary>As <see cref="OpenInDoubt"/>. Null: there is none.</summary>
    public OpenSession? TryOpenInDoubt(string nameOrId, string? scope, SessionIdentity identity, KvLayout? layout)
    {
        if (FindFolder(nameOrId, scope) is not { } found) return null;
        var (folder, held, label) = Hold(found, nameOrId);
        return Guarded(held, folder, () =>
        {
            var record = SnapshotFile.TryRead(folder.Snapshot);
            if (record is not null && SessionRefusal.Of(label.Name ?? label.Id, record.Head, identity, layout) is { } refusal) throw new StokerException(ErrorKind.Conflict, refusal);
            return SessionOpening.Continue(this, folder, held, label, identity, layout, record);
        });
    }

    /// <summary>Opens as it is, for copying it or reading its text: whatever it belongs to.</summary>
    internal OpenSession OpenAny(string nameOrId, string? scope)
    {
        var (folder, held, label) = HoldAsItIs(nameOrId, scope);
        return Checked(Guarded(held, folder, () =>
        {
            var record = SnapshotFile.TryRead(folder.Snapshot)
                ?? throw new StokerException(ErrorKind.Conflict, $"Session {label.Name ?? label.Id} is empty: nothing was saved in it yet.");
            return SessionOpening.Continue(this, folder, held, label, record.Head.Identity, record.Head.Layout(), record, goesOn: false);
        }));
    }

    /// <summary>The text and tokens of the last snapshot, without holding the session.</summary>
    /// <exception cref="StokerException">NotFound, Corrupt.</exception>
    public SessionSnapshot Read(string nameOrId, string? scope = null)
    {
        var folder = FindFolder(nameOrId, scope) ?? throw SessionErrors.NotFound(nameOrId);
        return SessionErrors.OnDisk("Reading a session", folder.Path, () => SnapshotFile.TryRead(folder.Snapshot)?.Snapshot ?? SessionSnapshot.Empty);
    }

    /// <summary>A copy that shares the cells, not held.</summary>
    /// <exception cref="StokerException">NotFound, Busy, Conflict (the name is taken), OutOfSpace, Io.</exception>
    public SessionSummary Fork(string nameOrId, string newName, string? scope = null)
    {
        SessionName.Check(newName);
        using var parent = OpenAny(nameOrId, scope);
        using var child = parent.Fork(newName);
        return Find(child.Id)!;
    }

    /// <exception cref="StokerException">NotFound, Busy, Conflict (the name is taken), InvalidInput.</exception>
    public void Rename(string nameOrId, string newName, string? scope = null)
    {
        SessionName.Check(newName);
        using var held = HoldAsItIs(nameOrId, scope);
        SessionErrors.OnDisk("Renaming a session", held.Folder.Path, () =>
        {
            var isCached = held.Label.Name is null;
            if (isCached && Options.Sync) held.Folder.Sync(); // from now on it is promised to be kept
            using var _ = FileLock.Acquire(StoreLock);
            CheckFree(newName, held.Label.Scope, held.Label.Id);
            WithRoom(() => held.Folder.WriteLabel(held.Label with { Name = newName }, durable: true));
            if (isCached) MoveOutOfCache(held.Folder);
        });
    }

    /// <summary>One that has a name now. Under the store's lock; should the process end before it, <see cref="Recover"/> does it.</summary>
    internal void MoveOutOfCache(SessionFolder folder)
    {
        Directory.Move(folder.Path, Path.Combine(Options.Root, folder.Id));
        Files.SyncDirectory(Options.Root);
        Files.SyncDirectory(CacheRoot);
    }

    /// <summary>Removes a session; those that were forked from it keep what they share.</summary>
    /// <exception cref="StokerException">NotFound, Busy, Io.</exception>
    public void Remove(string nameOrId, string? scope = null)
    {
        using var held = HoldAsItIs(nameOrId, scope);
        SessionErrors.OnDisk("Removing a session", held.Folder.Path, () => Discard(held.Folder));
    }

    /// <summary>What a killed process left behind, removed or finished. For the daemon's start.</summary>
    /// <returns>Folders removed.</returns>
    public int Recover() => !Directory.Exists(Options.Root) ? 0 : SessionErrors.OnDisk("Looking after sessions", Options.Root, () =>
    {
        using var _ = FileLock.Acquire(StoreLock);
        SessionRecovery.FinishNaming(this);
        return new[] { Options.Root, CacheRoot }.Where(Directory.Exists).Sum(SessionRecovery.RemoveLeft);
    });

    internal OpenSession ForkOf(OpenSession parent, string? name, SessionSnapshot snapshot) =>
        Make(name, parent.Scope, (folder, held, label) => SessionOpening.Fork(this, parent, folder, held, label, snapshot));

    internal OpenSession BranchOf(OpenSession parent, int cells) =>
        Make(null, parent.Scope, (folder, held, label) => SessionOpening.Branch(this, parent, folder, held, label, cells));

    /// <summary>Does what needs little room on disk: where that is full, the prompt cache goes first.</summary>
    internal T WithRoom<T>(Func<T> work) => _room.WithRoom(work);

    internal void WithRoom(Action work) => WithRoom(() =>
    {
        work();
        return true;
    });

    /// <summary>Makes a file one of this store's: its growth counts.</summary>
    internal KvFile Own(KvFile file)
    {
        file.Room = _room;
        return file;
    }

    /// <summary>A session's folder under a hidden name, locked, to be filled and published.</summary>
    /// <exception cref="StokerException">InvalidInput, Conflict: the name.</exception>
    internal NewSession Begin(string? name, string scope)
    {
        if (name is not null) SessionName.Check(name);
        var label = new SessionLabel { Version = 1, Id = SessionName.NewId(), Name = name, Scope = scope, CreatedAt = Time.GetUtcNow() };
        return SessionErrors.OnDisk($"Session {name ?? label.Id}", Options.Root, () =>
        {
            Directory.CreateDirectory(Options.Root, OwnerOnly);
            if (name is null) Directory.CreateDirectory(CacheRoot, OwnerOnly);
            var hidden = Path.Combine(AreaOf(label), SessionRecovery.NewPrefix + label.Id);
            using var _ = FileLock.Acquire(StoreLock);
            if (name is not null) CheckFree(name, scope, label.Id);
            Files.CreatePrivateDirectory(hidden);
            var held = FileLock.TryAcquire(Path.Combine(hidden, "lock")) ?? throw SessionErrors.Busy(label.Id);
            return new NewSession(this, new SessionFolder(hidden), held, label);
        });
    }

    /// <summary>Gives a new session's folder its place and its name.</summary>
    internal void Publish(SessionFolder folder, SessionLabel label)
    {
        var durable = Options.Sync && label.Name is not null; // of what the cache loses to a power cut, nobody was promised anything
        folder.WriteLabel(label, durable);
        var place = Path.Combine(AreaOf(label), label.Id);
        using (FileLock.Acquire(StoreLock))
        {
            if (label.Name is not null) CheckFree(label.Name, label.Scope, label.Id);
            Directory.Move(folder.Path, place);
        }
        folder.MovedTo(place);
        if (durable) Files.SyncDirectory(Options.Root);
    }

    internal IEnumerable<SessionFolder> Folders() => FoldersIn(Options.Root);

    internal IEnumerable<SessionFolder> CacheFolders() => FoldersIn(CacheRoot);

    private string AreaOf(SessionLabel label) => label.Name is null ? CacheRoot : Options.Root;

    private static IEnumerable<SessionFolder> FoldersIn(string area) => !Directory.Exists(area)
        ? []
        : Directory.EnumerateDirectories(area).Where(static path => SessionName.IsId(Path.GetFileName(path))).Select(static path => new SessionFolder(path));

    /// <summary>Takes the lock of one of the prompt cache's and removes it, also one whose label a power cut took. False: it is held, named or gone.</summary>
    internal bool TryEvict(string id)
    {
        var folder = new SessionFolder(Path.Combine(CacheRoot, id));
        using var held = TryLock(folder);
        if (held is null || !Directory.Exists(folder.Path) || folder.TryReadLabel() is { Name: not null }) return false;
        Discard(folder);
        return true;
    }

    private OpenSession Make(string? name, string scope, Func<SessionFolder, FileLock, SessionLabel, OpenSession> fill) => WithRoom(() => TryMake(name, scope, fill));

    private OpenSession TryMake(string? name, string scope, Func<SessionFolder, FileLock, SessionLabel, OpenSession> fill)
    {
        _room.Claim(0);
        var begun = Begin(name, scope);
        OpenSession? session = null;
        try
        {
            return SessionErrors.OnDisk($"Session {name ?? begun.Label.Id}", begun.Folder.Path, () =>
            {
                session = fill(begun.Folder, begun.Held, begun.Label);
                begun.Publish();
                session.TakeNewPlace();
                return session;
            });
        }
        catch
        {
            session?.Dispose();
            begun.Dispose();
            throw;
        }
    }

    /// <summary>Under the store's lock.</summary>
    internal bool IsFree(string name, string scope, string ownId) =>
        !Folders().Select(static folder => folder.TryReadLabel()).Any(label => label is not null && label.Name == name && label.Scope == scope && label.Id != ownId);

    private void CheckFree(string name, string scope, string ownId)
    {
        if (IsFree(name, scope, ownId)) return;
        throw new StokerException(ErrorKind.Conflict, $"There is a session '{name}' already. Choose another name, or remove it first (stoker sessions rm {name}).");
    }

    internal SessionFolder? FindFolder(string nameOrId, string? scope)
    {
        var isId = SessionName.IsId(nameOrId);
        if (!isId && SessionName.WhyNot(nameOrId) is not null) return null;
        var candidates = isId ? new[] { Options.Root, CacheRoot }.Select(area => new SessionFolder(Path.Combine(area, nameOrId))).Where(static folder => Directory.Exists(folder.Path)) : Folders();
        var found = SessionErrors.OnDisk("Looking for a session", Options.Root, () => candidates
            .Where(folder => folder.TryReadLabel() is { } label && (isId || label.Name == nameOrId) && (scope is null || label.Scope == scope)).ToList());
        return found.Count > 1
            ? throw new StokerException(ErrorKind.Conflict, $"Several callers have a session '{nameOrId}': name it by its id (stoker sessions list).")
            : found.SingleOrDefault();
    }

    /// <summary>Takes a session's lock and nothing more.</summary>
    internal HeldSession HoldAsItIs(string nameOrId, string? scope) => Hold(FindFolder(nameOrId, scope) ?? throw SessionErrors.NotFound(nameOrId), nameOrId);

    private static HeldSession Hold(SessionFolder folder, string nameOrId)
    {
        var held = SessionErrors.OnDisk("Opening a session", folder.Path, () => TryLock(folder)) ?? throw SessionErrors.Busy(folder.TryReadLabel()?.Name ?? nameOrId);
        // It may have been renamed or removed since it was found.
        if (folder.TryReadLabel() is { } label && (label.Name == nameOrId || label.Id == nameOrId)) return new HeldSession(folder, held, label);
        held.Dispose();
        throw SessionErrors.NotFound(nameOrId);
    }

    internal static FileLock? TryLock(SessionFolder folder)
    {
        try
        {
            return FileLock.TryAcquire(folder.Lock);
        }
        catch (LibcException error) when (error.Errno == Errno.NoEntry)
        {
            return null; // removed a moment ago
        }
    }

    internal static void Discard(SessionFolder folder)
    {
        var gone = Path.Combine(Path.GetDirectoryName(folder.Path)!, SessionRecovery.GonePrefix + folder.Id);
        Directory.Move(folder.Path, gone);
        Directory.Delete(gone, recursive: true);
    }

    private static OpenSession Checked(OpenSession session)
    {
        try
        {
            session.Check(null, CancellationToken.None);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static T Guarded<T>(FileLock held, SessionFolder folder, Func<T> work)
    {
        try
        {
            return SessionErrors.OnDisk("Opening a session", folder.Path, work);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }
}
