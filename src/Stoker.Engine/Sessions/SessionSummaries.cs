using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>Reads what lists show, taking no lock.</summary>
internal static class SessionSummaries
{
    /// <summary>Null: it is gone, or has no label.</summary>
    internal static SessionSummary? TryRead(SessionFolder folder)
    {
        try
        {
            if (folder.TryReadLabel() is not { } label) return null;
            var head = TryReadHead(folder, out var damaged);
            var (own, shared) = Blocks(folder);
            return new SessionSummary
            {
                Id = label.Id,
                Name = label.Name,
                Scope = label.Scope,
                State = IsHeld(folder) ? SessionState.InUse : damaged ? SessionState.Damaged : head is null ? SessionState.Empty : SessionState.Idle,
                CreatedAt = label.CreatedAt,
                UsedAt = new DateTimeOffset(File.GetLastWriteTimeUtc(folder.Lock), TimeSpan.Zero),
                VerifiedAt = folder.VerifiedAt,
                Identity = head?.Identity,
                Cells = head?.Cells ?? 0,
                Messages = head?.Messages ?? 0,
                IsUnfinished = head?.Answer is { IsUnfinished: true },
                OwnBytes = own,
                SharedBytes = shared,
            };
        }
        catch (DirectoryNotFoundException)
        {
            return null; // removed a moment ago
        }
    }

    /// <summary>Disk blocks of the folder's files that are its alone, and of those with other names, in bytes.</summary>
    internal static (long Own, long Shared) Blocks(SessionFolder folder)
    {
        long own = 0, shared = 0;
        foreach (var file in Directory.EnumerateFiles(folder.Path))
        {
            if (FileBlocks.TryRead(file) is not { } blocks) continue;
            if (blocks.Links > 1) shared += blocks.AllocatedBytes;
            else own += blocks.AllocatedBytes;
        }
        return (own, shared);
    }

    private static SnapshotHead? TryReadHead(SessionFolder folder, out bool damaged)
    {
        damaged = false;
        try
        {
            return SnapshotFile.TryReadHead(folder.Snapshot);
        }
        catch (StokerException)
        {
            damaged = true;
            return null;
        }
    }

    // By the mark in the lock: trying the lock itself would get in the way of whoever opens it at this moment.
    private static bool IsHeld(SessionFolder folder)
    {
        try
        {
            using var file = Files.OpenWithoutLock(folder.Lock);
            return OpenMark.Read(file) is { } mark && mark.BootId == OpenMark.ThisBoot && mark.ProcessId > 0 && OwnProcess.Signal(mark.ProcessId, UnixSignal.None);
        }
        catch (LibcException)
        {
            return false;
        }
    }
}
