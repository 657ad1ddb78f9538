using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>
/// A session that this process holds (its folder's lock) until it disposes of it. What it was when last saved survives a kill of
/// the process at any moment, and with <see cref="SessionStoreOptions.Sync"/> the loss of power, if it has a name. Thread-safe: calls
/// exclude each other, but for <see cref="Branch"/>. A save may run beside the decoding that appends cells, never beside one that
/// overwrites any.
/// </summary>
public sealed class OpenSession : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SessionStore _store;
    private readonly FileLock _lock;
    private volatile SessionRecord? _record;
    private (IReadOnlyList<uint> Sums, int Cells) _inherited = ([], 0);
    private bool _disposed;

    internal OpenSession(SessionStore store, SessionFolder folder, FileLock held, SessionLabel label, SessionIdentity identity)
    {
        _store = store;
        _lock = held;
        Folder = folder;
        Label = label;
        Identity = identity;
    }

    internal SessionFolder Folder { get; }
    internal SessionLabel Label { get; }
    internal SessionRecord? Record => _record;

    public string Id => Label.Id;

    /// <summary>Null: a conversation that the prompt cache keeps.</summary>
    public string? Name => Label.Name;

    public string Scope => Label.Scope;
    public SessionIdentity Identity { get; }

    /// <summary>Of its files; null: its cells lie in the snapshot's state.</summary>
    public KvLayout? Layout { get; internal init; }

    /// <summary>Its files; null as above. Belongs to the session: not to be disposed of. <see cref="MoveBack"/> may replace it.</summary>
    public KvChain? Chain { get; private set; }

    /// <summary>False: it is opened for what was saved of it alone, and nothing is appended.</summary>
    internal bool GoesOn { get; init; } = true;

    /// <summary>When it was opened, or made, nothing had been saved of it.</summary>
    public bool BeganEmpty { get; private set; }

    /// <summary>As last saved.</summary>
    public SessionSnapshot Snapshot => _record?.Snapshot ?? SessionSnapshot.Empty;

    /// <summary>The first of its cells that may have suffered and was not read again yet (<see cref="Check"/>); null: none.</summary>
    public int? Doubt { get; private set; }

    /// <summary>What was found wrong with its cells when they were checked, or null. They were given up from there on; its text was not.</summary>
    public string? Damage { get; internal set; }

    /// <summary>
    /// Makes this the state that a restart finds. Its cells must be in the files already, and continue those of the last snapshot:
    /// what goes another way begins with <see cref="MoveBack"/>.
    /// </summary>
    /// <exception cref="StokerException">OutOfSpace, Io: the last snapshot still stands.</exception>
    public void Save(SessionSnapshot snapshot)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (snapshot.Cells > KvLayout.MaxCells) throw new StokerException(ErrorKind.TooLarge, $"A session has at most {KvLayout.MaxCells} cells, not {snapshot.Cells}.");
            if (Chain is not null && !StartsWith(snapshot.Tokens, Snapshot.Tokens)) throw new InvalidOperationException("This snapshot overwrites cells of the last one: move back first.");
            Write(snapshot);
        }
    }

    /// <summary>
    /// Gives up the cells from this one on, durably, before they are overwritten. Call it before every cut below what was saved or
    /// forked; then map <see cref="Chain"/> again if it is another.
    /// </summary>
    /// <param name="cells">Cells that stay.</param>
    /// <param name="state">The in-place state at that cell; needed where the model has one and cells stay.</param>
    /// <returns>True: <see cref="Chain"/> is another now.</returns>
    public bool MoveBack(int cells, ReadOnlyMemory<byte> state = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cells);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Chain is not { } old || Layout is null) return false; // a snapshot with its cells inside stands by itself
            if (cells < Snapshot.Cells && cells > 0 && state.IsEmpty && !Snapshot.State.IsEmpty)
                throw new ArgumentException("This model's state cannot be cut: pass the state at that cell, or go back to 0.", nameof(state));
            return SessionErrors.OnDisk($"Session {Shown}", Folder.Path, () => CutBack(old, Layout, cells, state));
        }
    }

    /// <summary>A new session that begins as this one is now; it shares the cells. Held by the caller.</summary>
    /// <param name="name">Null: one of the prompt cache.</param>
    /// <param name="snapshot">Where it begins, if not at the last snapshot: its tokens must be this conversation's first ones, with their cells written.</param>
    /// <exception cref="StokerException">Conflict: the name is taken. OutOfSpace, Io.</exception>
    public OpenSession Fork(string? name, SessionSnapshot? snapshot = null)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _store.ForkOf(this, name, snapshot ?? Snapshot);
        }
    }

    /// <summary>
    /// One of the prompt cache that begins like this one; it shares the cells. Held by the caller, and nothing until it is saved: a
    /// kill before that leaves an empty folder. Waits for no <see cref="Save"/>; never beside <see cref="MoveBack"/>, another branch,
    /// or the end of this one, which all belong to whoever decodes.
    /// </summary>
    /// <param name="cells">Cells that it begins with; they must have been written.</param>
    /// <exception cref="StokerException">OutOfSpace, Io.</exception>
    public OpenSession Branch(int cells)
    {
        // No gate: the decode thread would wait for a save's reading and syncing. What a branch takes is the files of the chain, which
        // a save reads and never replaces, and the sums of whole blocks below the cut, which are the same in the record before a save
        // and after it. What it relies on, that its cells stay as they are, holds from the first link on: a file with two names is
        // never overwritten, and only MoveBack, on the caller's thread, leads below what was written. Cells that were written and
        // not yet saved are safe too: after a kill, whoever opens this one leaves its shared file (LeaveShared).
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        return _store.BranchOf(this, cells);
    }

    /// <summary>As <see cref="Branch"/>, for a session that is there and that nothing was saved of yet. <see cref="Chain"/> is another then.</summary>
    /// <returns>False: something was saved of it.</returns>
    /// <exception cref="StokerException">OutOfSpace, Io: it is as before.</exception>
    public bool BeginLike(OpenSession parent, int cells)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_record is not null || Chain is not { } old) return false;
            try
            {
                Chain = SessionErrors.OnDisk($"Session {Shown}", Folder.Path, () => _store.WithRoom(() => SessionOpening.ForkChain(_store, parent, Folder, cells)));
                Inherit(parent.Record, cells);
                old.Dispose();
                return true;
            }
            finally
            {
                RemoveOrphans(); // also what was linked before it failed: the parent would count as shared
            }
        }
    }

    /// <summary>Reads the cells that may have suffered and compares them with their sums: gigabytes, perhaps. Before anything else is done with it.</summary>
    /// <param name="readBytes">Told how much of <see cref="DoubtBytes"/> was read.</param>
    /// <exception cref="OperationCanceledException">They are in doubt still, also for whoever opens it next.</exception>
    public void Check(IProgress<long>? readBytes, CancellationToken cancellationToken)
    {
        if (Doubt is not { } from || _record is not { } record || Layout is null) return;
        SessionErrors.OnDisk($"Session {Shown}", Folder.Path, () =>
        {
            foreach (var (block, isRight) in CellSums.Check(Chain!, Layout, record.Sums, from, record.Head.Cells, cancellationToken))
            {
                if (isRight)
                {
                    readBytes?.Report(((block + 1) * CellSums.BlockCells - from) * Layout.CellBytes);
                    continue;
                }
                var first = block * CellSums.BlockCells;
                GiveUp(first, $"cells from {first} on are not what was saved");
                Doubt = null;
                return;
            }
            NoteVerified(fromDisk: record.Head.BootId != OpenMark.ThisBoot);
            Doubt = null;
            OpenMark.Write(_lock.File, record.Head.Cells);
            LeaveShared();
        });
    }

    /// <summary>How much <see cref="Check"/> has to read.</summary>
    public long DoubtBytes => Doubt is { } from ? (Snapshot.Cells - from) * (Layout?.CellBytes ?? 0) : 0;

    /// <summary>Nothing is written beyond what was saved until it goes on: should the process end before that, no cell is in doubt.</summary>
    public void Rest()
    {
        lock (_gate)
        {
            try
            {
                if (!_disposed && Doubt is null) OpenMark.Write(_lock.File, Snapshot.Cells);
            }
            catch (IOException)
            {
                // After a kill, more is read again than would need to be.
            }
        }
    }

    /// <summary>Removes it and closes it.</summary>
    public void Remove()
    {
        lock (_gate)
        {
            if (_disposed) return;
            SessionErrors.OnDisk($"Session {Shown}", Folder.Path, () => SessionStore.Discard(Folder));
        }
        Dispose();
    }

    /// <summary>Closes it; nothing is saved that was not.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            GiveBack();
            Chain?.Dispose();
            try
            {
                if (Doubt is { } cells) OpenMark.Write(_lock.File, cells, isOpen: false);
                else OpenMark.Clear(_lock.File);
            }
            catch (IOException)
            {
                // The next one to open it takes more care than it would need.
            }
            _lock.Dispose();
        }
    }

    internal string Shown => Name ?? Id;

    // Of what the prompt cache loses to a power cut, nobody was promised anything: its snapshots say that no cell is known to be on
    // the disk, and after another start of the machine all of them are compared with their sums.
    private bool IsDurable => _store.Options.Sync && Name is not null;

    /// <summary>Puts files and last snapshot in place; part of opening.</summary>
    internal void Begin(KvChain? chain, SessionRecord? record, int? doubt = null)
    {
        Chain = chain;
        _record = record;
        BeganEmpty = record is null;
        Doubt = doubt;
        OpenMark.Write(_lock.File, doubt ?? record?.Head.Cells ?? 0);
    }

    /// <summary>Its first cells are another's: their sums are known as far as whole blocks go.</summary>
    internal void Inherit(SessionRecord? parent, int cells) =>
        _inherited = parent is null ? ([], 0) : (parent.Sums, Math.Min(parent.Head.Cells, cells) / CellSums.BlockCells * CellSums.BlockCells);

    /// <summary>The first snapshot of a fork, with the sums that its parent knows; what is on the disk of its parent's files says nothing of its own.</summary>
    internal void SaveFork(SessionSnapshot snapshot, SessionRecord? parent) => Write(snapshot, parent is null ? null : parent with { Head = parent.Head with { SyncedCells = 0 } });

    /// <summary>
    /// For when it was opened. Who shares its own file may read further there than this one was saved, since a kill or a failed answer
    /// took this one back: it goes on in another file, before anything is appended.
    /// </summary>
    internal void LeaveShared()
    {
        if (GoesOn && Doubt is null && Chain is { Own.IsShared: true }) MoveBack(Snapshot.Cells);
    }

    /// <summary>Its folder was renamed, with all that is open in it.</summary>
    internal void TakeNewPlace()
    {
        foreach (var file in Chain?.Shared.Select(static segment => segment.File).Append(Chain.Own) ?? []) file.Name = Folder.In(Path.GetFileName(file.Name));
    }

    /// <summary>The snapshot's cells from a block on are not what they were: the text stays, the cells go.</summary>
    internal void GiveUp(int cells, string damage)
    {
        Damage = $"{damage}; they are computed again from its text";
        // A state belongs to exactly its cells.
        var point = Snapshot.Points.LastOrDefault(point => point.Cells <= cells);
        if (Snapshot.State.IsEmpty) MoveBack(cells);
        else MoveBack(point.Cells, point.State);
    }

    /// <summary>Every cell of the snapshot has been read and is right.</summary>
    internal void MarkVerified(bool fromDisk)
    {
        if (_record is not { } record) return;
        _record = record with { Head = record.Head with { BootId = OpenMark.ThisBoot, SyncedCells = fromDisk ? record.Head.Cells : record.Head.SyncedCells } };
        Folder.Replace(Folder.Snapshot, stream => SnapshotFile.Write(stream, _record), IsDurable);
    }

    // Where it cannot be noted they are read once more, another time.
    private void NoteVerified(bool fromDisk)
    {
        var before = _record;
        try
        {
            _store.WithRoom(() => MarkVerified(fromDisk));
        }
        catch (IOException error)
        {
            _record = before;
            Console.Error.WriteLine($"Session {Shown}: that its cells are right is not noted: {error.Message}");
        }
    }

    private bool CutBack(KvChain old, KvLayout layout, int cells, ReadOnlyMemory<byte> state)
    {
        var next = _store.WithRoom(() => ChainCut.Back(old, layout, cells, NewFile));
        var replaced = next != old;
        // What is beyond the last snapshot that snapshot cannot name: it stands with the files it has, of which none is overwritten.
        var isSaved = _record is not null && cells <= Snapshot.Cells;
        try
        {
            Chain = next;
            OpenMark.Write(_lock.File, Math.Min(cells, Math.Min(Snapshot.Cells, OpenMark.Read(_lock.File)?.Cells ?? 0)));
            if (isSaved && (replaced || cells < Snapshot.Cells)) Write(CutSnapshot(cells, state));
        }
        catch
        {
            Chain = old;
            if (replaced) next.Dispose();
            throw;
        }
        if (replaced) old.Dispose();
        if (isSaved) RemoveOrphans();
        return replaced;
    }

    /// <summary>Frees the blocks beyond the last snapshot. Nobody decodes in it now.</summary>
    internal void GiveBack()
    {
        if (Chain is { Own.IsShared: false } chain) chain.Own.GiveBack(Layout!, Math.Max(Snapshot.Cells, chain.FirstOwnCell));
    }

    private KvFile NewFile() => _store.Own(KvFile.Create(Folder.NextKvFile(), Layout!));

    private SessionSnapshot CutSnapshot(int cells, ReadOnlyMemory<byte> state)
    {
        var last = Snapshot;
        if (cells >= last.Cells) return last;
        return new SessionSnapshot
        {
            Tokens = [.. last.Tokens.Take(cells)],
            State = state,
            Points = [.. last.Points.Where(point => point.Cells < cells)],
            Answer = last.Answer is { } answer ? answer with { Next = null } : null, // from its text
            Messages = last.Messages,
        };
    }

    private void Write(SessionSnapshot snapshot) => Write(snapshot, _record);

    private void Write(SessionSnapshot snapshot, SessionRecord? known) => SessionErrors.OnDisk($"Session {Shown}", Folder.Path, () =>
    {
        uint[] sums = Layout is null ? [] : CellSums.Update(Chain!, Layout, known?.Sums ?? _inherited.Sums, known?.Head.Cells ?? _inherited.Cells, snapshot.Cells);
        if (IsDurable && Chain is not null)
        {
            foreach (var segment in Chain.Shared) Files.SyncContent(segment.File.Handle, segment.File.Name);
            Files.SyncContent(Chain.Own.Handle, Chain.Own.Name);
        }
        var record = new SessionRecord(HeadOf(snapshot, known), snapshot, sums);
        _store.WithRoom(() => Folder.Replace(Folder.Snapshot, stream => SnapshotFile.Write(stream, record), IsDurable));
        _record = record;
    });

    private SnapshotHead HeadOf(SessionSnapshot snapshot, SessionRecord? known)
    {
        IReadOnlyList<ChainFile> shared = Chain?.Shared.Select(static segment => new ChainFile(Path.GetFileName(segment.File.Name), segment.EndCell)).ToList() ?? [];
        var own = Chain is null ? null : Path.GetFileName(Chain.Own.Name);
        // A file that begins elsewhere now has copies of cells that were on the disk.
        var synced = known is not null && known.Head.Own == own && known.Head.Shared.SequenceEqual(shared) ? known.Head.SyncedCells : 0;
        return new SnapshotHead
        {
            Identity = Identity,
            Cells = snapshot.Cells,
            Messages = snapshot.Messages.Count,
            Answer = snapshot.Answer,
            Points = [.. snapshot.Points.Select(static point => new PointSize(point.Cells, point.State.Length))],
            Rows = Layout?.Regions.Select(static region => new RegionRow(region.Name, region.RowBytes)).ToList(),
            PageSizeBytes = Layout?.PageSizeBytes ?? 0,
            Shared = shared,
            Own = own,
            SyncedCells = IsDurable ? snapshot.Cells : Math.Min(snapshot.Cells, synced),
            BootId = OpenMark.ThisBoot,
            SavedAt = _store.Time.GetUtcNow(),
        };
    }

    private void RemoveOrphans()
    {
        // A file that this snapshot no longer names; one that cannot be removed is tried again at the next opening.
        try
        {
            Folder.RemoveOrphans(Chain!.FileNames);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static bool StartsWith(IReadOnlyList<int> tokens, IReadOnlyList<int> first) => tokens.Count >= first.Count && tokens.Take(first.Count).SequenceEqual(first);
}
