using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>Puts an open session together from what lies on disk; its lock is held already.</summary>
internal static class SessionOpening
{
    /// <summary>Goes on with the last snapshot. Cells that may have suffered are still in doubt.</summary>
    internal static OpenSession Continue(
        SessionStore store, SessionFolder folder, FileLock held, SessionLabel label, SessionIdentity identity, KvLayout? layout, SessionRecord? record, bool goesOn = true)
    {
        var mark = OpenMark.Read(held.File);
        var session = new OpenSession(store, folder, held, label, identity) { Layout = layout, GoesOn = goesOn };
        try
        {
            Continue(session, store, folder, layout, record, mark);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static void Continue(OpenSession session, SessionStore store, SessionFolder folder, KvLayout? layout, SessionRecord? record, OpenMark? mark)
    {
        KvChain Empty(KvLayout layout) => new([], store.WithRoom(() => store.Own(KvFile.Create(folder.NextKvFile(), layout))));
        if (layout is null || record is null)
        {
            session.Begin(layout is null ? null : Empty(layout), record);
            folder.RemoveOrphans(session.Chain?.FileNames ?? new HashSet<string>());
            return;
        }
        if (TryOpenChain(store, folder, record.Head, out var missing) is not { } chain)
        {
            session.Begin(Empty(layout), record);
            session.GiveUp(0, missing!);
            return;
        }
        session.Begin(chain, record, Suspect(record.Head, mark, OpenMark.ThisBoot));
        folder.RemoveOrphans(chain.FileNames);
        if (mark is not null) session.GiveBack(); // what a killed answer had taken
        session.LeaveShared();
    }

    /// <summary>A child's folder: links to the files it shares, one page a region of its own, a snapshot.</summary>
    internal static OpenSession Fork(SessionStore store, OpenSession parent, SessionFolder folder, FileLock held, SessionLabel label, SessionSnapshot snapshot) =>
        Child(store, parent, folder, held, label, snapshot.Cells, child => child.SaveFork(snapshot, parent.Record));

    /// <summary>The same without the snapshot.</summary>
    internal static OpenSession Branch(SessionStore store, OpenSession parent, SessionFolder folder, FileLock held, SessionLabel label, int cells) =>
        Child(store, parent, folder, held, label, cells, child => child.Inherit(parent.Record, cells));

    private static OpenSession Child(SessionStore store, OpenSession parent, SessionFolder folder, FileLock held, SessionLabel label, int cells, Action<OpenSession> finish)
    {
        var child = new OpenSession(store, folder, held, label, parent.Identity) { Layout = parent.Layout };
        var chain = parent.Chain is null ? null : ForkChain(store, parent, folder, cells);
        try
        {
            child.Begin(chain, null);
            finish(child);
            return child;
        }
        catch
        {
            chain?.Dispose();
            throw;
        }
    }

    /// <summary>The first cell that cannot be trusted after what the mark and the snapshot tell, or null when all can.</summary>
    internal static int? Suspect(SnapshotHead head, OpenMark? mark, string boot)
    {
        // Another start of the machine: what was not known to be on the disk may never have come there.
        int? unsynced = head.BootId != boot && head.SyncedCells < head.Cells ? head.SyncedCells : null;
        // Killed: what was there when it was opened has not been touched since.
        int? unclosed = mark is not null && mark.Cells < head.Cells ? mark.Cells : null;
        return unsynced is { } a && unclosed is { } b ? Math.Min(a, b) : unsynced ?? unclosed;
    }

    internal static KvChain? TryOpenChain(SessionStore store, SessionFolder folder, SnapshotHead head, out string? missing)
    {
        var open = new List<KvFile>();
        try
        {
            foreach (var name in head.Shared.Select(static file => file.Name).Append(head.Own!)) open.Add(store.Own(KvFile.Open(folder.In(name))));
            // Under a mapping, what is cut off would end the process that reads it.
            var length = head.Layout()!.FileBytes;
            if (open.Exists(file => RandomAccess.GetLength(file.Handle) < length))
            {
                foreach (var file in open) file.Dispose();
                missing = "a file of its cells was cut short";
                return null;
            }
            missing = null;
            return new KvChain(head.Shared.Select((file, i) => new KvSegment(open[i], file.EndCell)).ToList(), open[^1]);
        }
        catch (StokerException error) when (error.Kind == ErrorKind.NotFound)
        {
            foreach (var file in open) file.Dispose();
            missing = "a file of its cells is missing";
            return null;
        }
        catch
        {
            foreach (var file in open) file.Dispose();
            throw;
        }
    }

    // The child's chain, of files opened under names in its own folder; where the file system has no links, one file with copies.
    internal static KvChain ForkChain(SessionStore store, OpenSession parent, SessionFolder folder, int cells)
    {
        var layout = parent.Layout!;
        KvFile Create() => store.Own(KvFile.Create(folder.NextKvFile(), layout));
        using var shared = parent.Chain!.Fork(cells, Create(), layout);
        KvChain chain;
        if (TryLink(store, shared, folder) is { } segments)
        {
            chain = ChainCut.Bounded(new KvChain(segments, shared.Own.Share()), layout, Create);
            if (chain.Shared.Count == shared.Shared.Count) return chain;
        }
        else
        {
            ChainCells.CopyTo(parent.Chain, layout, 0, cells, shared.Own);
            chain = new KvChain([], shared.Own.Share());
        }
        folder.RemoveOrphans(chain.FileNames);
        return chain;
    }

    private static List<KvSegment>? TryLink(SessionStore store, KvChain shared, SessionFolder folder)
    {
        var segments = new List<KvSegment>();
        var linked = false;
        try
        {
            foreach (var segment in shared.Shared)
            {
                var name = folder.NextKvFile();
                if (!Files.TryHardLink(segment.File.Name, name)) return null;
                segments.Add(new KvSegment(store.Own(KvFile.Open(name)), segment.EndCell));
            }
            linked = true;
            return segments;
        }
        finally
        {
            if (!linked) segments.ForEach(static segment => segment.File.Dispose());
        }
    }
}
