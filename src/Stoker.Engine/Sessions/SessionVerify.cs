using Stoker.Core.Errors;

namespace Stoker.Engine.Sessions;

/// <summary>What reading a session whole has shown.</summary>
/// <param name="ReadBytes">Of cells.</param>
/// <param name="Damage">What is wrong, or null.</param>
public sealed record SessionCheck(string Id, string? Name, int Cells, long ReadBytes, string? Damage);

/// <summary>Reads every byte of a session and compares it with its sums. Changes nothing.</summary>
public static class SessionVerify
{
    /// <exception cref="StokerException">NotFound; Busy: it is held.</exception>
    public static SessionCheck Verify(this SessionStore store, string nameOrId, string? scope, IProgress<long>? readBytes, CancellationToken cancellationToken)
    {
        using var held = store.HoldAsItIs(nameOrId, scope);
        var (id, name) = (held.Label.Id, held.Label.Name);
        SessionRecord? record;
        try
        {
            record = SnapshotFile.TryRead(held.Folder.Snapshot);
        }
        catch (StokerException error) when (error.Kind == ErrorKind.Corrupt)
        {
            return new SessionCheck(id, name, 0, 0, error.Message);
        }
        if (record is null || record.Head.Layout() is not { } layout) return new SessionCheck(id, name, record?.Head.Cells ?? 0, 0, null);
        using var chain = SessionOpening.TryOpenChain(store, held.Folder, record.Head, out var missing);
        if (chain is null) return new SessionCheck(id, name, record.Head.Cells, 0, missing);
        return SessionErrors.OnDisk($"Session {name ?? id}", held.Folder.Path, () =>
        {
            var read = 0L;
            foreach (var (block, isRight) in CellSums.Check(chain, layout, record.Sums, 0, record.Head.Cells, cancellationToken))
            {
                if (!isRight) return new SessionCheck(id, name, record.Head.Cells, read, $"cells {block * CellSums.BlockCells} to {Math.Min((block + 1) * CellSums.BlockCells, record.Head.Cells) - 1} are not what was saved");
                read = Math.Min((block + 1L) * CellSums.BlockCells, record.Head.Cells) * layout.CellBytes;
                readBytes?.Report(read);
            }
            return new SessionCheck(id, name, record.Head.Cells, read, null);
        });
    }
}
