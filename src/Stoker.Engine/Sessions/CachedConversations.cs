using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>A conversation on disk, without its cells and states.</summary>
/// <param name="Points">Numbers of cells of which it has an earlier state.</param>
public sealed record CachedConversation(string Id, string Scope, IReadOnlyList<int> Tokens, IReadOnlyList<int> Points);

/// <summary>What the prompt cache keeps in a store: looking through it, and making it smaller.</summary>
public static class CachedConversations
{
    /// <summary>Conversations that are kept at most: with small models they take little, and each costs a look at every start.</summary>
    public const int MostConversations = 1000;

    /// <summary>Those that whoever computes like this can go on with, and named sessions that can be branched, one after the other. What cannot be read is left out.</summary>
    public static IEnumerable<CachedConversation> ReadCache(this SessionStore store, SessionIdentity identity, KvLayout layout)
    {
        foreach (var folder in store.CacheFolders().Concat(store.Folders()))
        {
            if (TryRead(folder, identity, layout) is { } found) yield return found;
        }
    }

    /// <summary>Removes those unused for longest until the rest takes no more than this, and no more than half of what the disk would have without them.</summary>
    /// <exception cref="StokerException">Io.</exception>
    public static void TrimCache(this SessionStore store, long quotaBytes) => SessionErrors.OnDisk("Trimming the prompt cache", store.CacheRoot, () =>
    {
        if (!Directory.Exists(store.CacheRoot)) return;
        var folders = store.CacheFolders().OrderBy(static folder => File.GetLastWriteTimeUtc(folder.Lock)).ToList();
        var used = SessionRoom.UsedBytes(folders);
        quotaBytes = Math.Min(quotaBytes, (Files.Space(store.CacheRoot).AvailableBytes + used) / 2);
        var count = folders.Count;
        foreach (var folder in folders)
        {
            var isNothing = !File.Exists(folder.Snapshot);
            if (!isNothing && used <= quotaBytes && count <= MostConversations) continue;
            var own = OwnBytes(folder);
            if (!store.TryEvict(folder.Id)) continue; // in use
            used -= own;
            count--;
        }
    });

    /// <summary>Removes those of some scopes that nobody holds, for when nobody can ask for them any more.</summary>
    /// <returns>How many.</returns>
    /// <exception cref="StokerException">Io.</exception>
    public static int RemoveCached(this SessionStore store, Func<string, bool> isOf) => SessionErrors.OnDisk("Removing conversations of the prompt cache", store.CacheRoot, () =>
        store.CacheFolders().ToList().Count(folder => folder.TryReadLabel() is { Name: null } label && isOf(label.Scope) && store.TryEvict(folder.Id)));

    private static long OwnBytes(SessionFolder folder)
    {
        try
        {
            return SessionSummaries.Blocks(folder).Own;
        }
        catch (DirectoryNotFoundException)
        {
            return 0;
        }
    }

    private static CachedConversation? TryRead(SessionFolder folder, SessionIdentity identity, KvLayout layout)
    {
        try
        {
            if (folder.TryReadLabel() is not { } label || SnapshotFile.TryReadTokens(folder.Snapshot) is not var (head, tokens)) return null;
            return identity.WhyNot(head.Identity) is null && layout.Equals(head.Layout())
                ? new CachedConversation(label.Id, label.Scope, tokens, [.. head.Points.Select(static point => point.Cells)])
                : null;
        }
        catch (Exception error) when (error is StokerException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
