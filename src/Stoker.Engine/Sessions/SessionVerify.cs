using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>What reading a session whole has shown.</summary>
/// <param name="ReadBytes">Of cells.</param>
/// <param name="Damage">What is wrong, or null.</param>
public sealed record SessionCheck(string Id, string? Name, int Cells, long ReadBytes, string? Damage);

/// <summary>
/// Reads every byte of a session and compares it with its sums. It holds nothing up: what a snapshot covers is not overwritten
/// while that snapshot stands, so a session may be answered in meanwhile. Cells found bad are put in doubt: whoever opens the
/// session next gives them up and computes them again from its text.
/// </summary>
public static class SessionVerify
{
    /// <summary>A session that is moved back again and again while it is read is left to another time.</summary>
    private const int MostAttempts = 3;

    /// <param name="leavesCache">What was read leaves the page cache again.</param>
    /// <exception cref="StokerException">NotFound; Busy: it changes all the time; Io.</exception>
    public static SessionCheck Verify(this SessionStore store, string nameOrId, string? scope, IProgress<long>? readBytes, CancellationToken cancellationToken, bool leavesCache = false)
    {
        var folder = store.FindFolder(nameOrId, scope) ?? throw SessionErrors.NotFound(nameOrId);
        var label = folder.TryReadLabel() ?? throw SessionErrors.NotFound(nameOrId);
        return SessionErrors.OnDisk($"Session {label.Name ?? label.Id}", folder.Path, () =>
        {
            for (var attempt = 0; attempt < MostAttempts; attempt++)
            {
                if (TryRead(store, folder, label, readBytes, leavesCache, cancellationToken) is not { } check) continue;
                Try(() => folder.MarkVerified(store.Time.GetUtcNow()));
                return check;
            }
            throw SessionErrors.Busy(nameOrId);
        });
    }

    // Null: it became another one while it was read.
    private static SessionCheck? TryRead(SessionStore store, SessionFolder folder, SessionLabel label, IProgress<long>? readBytes, bool leavesCache, CancellationToken cancellationToken)
    {
        var check = new SessionCheck(label.Id, label.Name, 0, 0, null);
        SessionRecord? record;
        try
        {
            record = SnapshotFile.TryRead(folder.Snapshot);
        }
        catch (StokerException error) when (error.Kind == ErrorKind.Corrupt)
        {
            return check with { Damage = error.Message };
        }
        if (record is null || record.Head.Layout() is not { } layout) return check with { Cells = record?.Head.Cells ?? 0 };
        check = check with { Cells = record.Head.Cells };
        using var chain = SessionOpening.TryOpenChain(store, folder, record.Head, out var missing);
        if (chain is null) return HasChanged(folder, record.Head) ? null : check with { Damage = missing };
        var bad = -1;
        foreach (var (block, isRight) in CellSums.Check(chain, layout, record.Sums, 0, record.Head.Cells, cancellationToken))
        {
            if (!isRight)
            {
                bad = block;
                break;
            }
            check = check with { ReadBytes = Math.Min((block + 1L) * CellSums.BlockCells, record.Head.Cells) * layout.CellBytes };
            readBytes?.Report(check.ReadBytes);
        }
        if (leavesCache) LeaveCache(chain);
        if (bad < 0) return check;
        if (HasChanged(folder, record.Head)) return null;
        var first = bad * CellSums.BlockCells;
        Try(() => PutInDoubt(folder, first));
        return check with { Damage = $"cells {first} to {Math.Min(first + CellSums.BlockCells, record.Head.Cells) - 1} are not what was saved" };
    }

    private static bool HasChanged(SessionFolder folder, SnapshotHead head) => SnapshotFile.TryReadHead(folder.Snapshot) is not { } now || now.SavedAt != head.SavedAt || now.Cells != head.Cells;

    // Whoever holds it has read these cells already, and goes on; the next look at it finds them again.
    private static void PutInDoubt(SessionFolder folder, int cells)
    {
        using var held = FileLock.TryAcquire(folder.Lock);
        if (held is not null && (OpenMark.Read(held.File) is not { } mark || mark.Cells > cells)) OpenMark.Write(held.File, cells, isOpen: false);
    }

    // What was found is told also where the disk is full or takes nothing more.
    private static void Try(Action note)
    {
        try
        {
            note();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"A session's verification is not noted: {error.Message}");
        }
    }

    private static void LeaveCache(KvChain chain)
    {
        foreach (var file in chain.Shared.Select(static segment => segment.File).Append(chain.Own)) Files.LeavePageCache(file.Handle, 0, RandomAccess.GetLength(file.Handle));
    }
}
