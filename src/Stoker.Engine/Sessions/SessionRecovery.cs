using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>Puts right what a killed process left behind. Under the store's lock.</summary>
internal static class SessionRecovery
{
    internal const string NewPrefix = ".new-";
    internal const string GonePrefix = ".gone-";

    /// <summary>Removes the folders of an area that nobody was to see yet, or any more.</summary>
    /// <returns>How many.</returns>
    internal static int RemoveLeft(string area)
    {
        var removed = 0;
        foreach (var path in Directory.EnumerateDirectories(area).Where(IsLeft).ToList())
        {
            // One that is being made is locked by its maker.
            using var held = FileLock.TryAcquire(new SessionFolder(path).Lock);
            if (held is null) continue;
            Directory.Delete(path, recursive: true);
            removed++;
        }
        return removed;
    }

    /// <summary>A conversation of the prompt cache that was given a name, and not its place: it gets it, unless the name is another's by now.</summary>
    internal static void FinishNaming(SessionStore store)
    {
        foreach (var folder in store.CacheFolders().ToList())
        {
            if (folder.TryReadLabel() is not { Name: { } name } label) continue;
            using var held = SessionStore.TryLock(folder);
            if (held is null) continue;
            if (store.IsFree(name, label.Scope, label.Id)) store.MoveOutOfCache(folder);
            else folder.WriteLabel(label with { Name = null }, durable: true);
        }
    }

    private static bool IsLeft(string path) =>
        Path.GetFileName(path) is var name && (name.StartsWith(NewPrefix, StringComparison.Ordinal) || name.StartsWith(GonePrefix, StringComparison.Ordinal));
}
