using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>Asked before a KV file grows.</summary>
internal interface IKvRoom
{
    /// <summary>Makes sure that this many more bytes may be taken.</summary>
    /// <exception cref="StokerException">OutOfSpace: not even without the prompt cache.</exception>
    void Claim(long bytes);

    /// <summary>The disk is full: gives up something of the prompt cache. False: there is nothing left to give.</summary>
    bool TryFree(long bytes);

    /// <summary>What the prompt cache takes: no more than that can be given up.</summary>
    long CachedBytes { get; }
}

/// <summary>The quota of all sessions: those of the prompt cache go, the longest unused first; named ones never do.</summary>
internal sealed class SessionRoom(SessionStore store) : IKvRoom
{
    // What goes makes room for a few snapshots at once.
    private const long LittleBytes = 1 << 20;

    public void Claim(long bytes)
    {
        if (store.Options.QuotaBytes is not { } quota) return;
        var used = UsedBytes();
        if (used + bytes <= quota) return;
        // What cannot fit is no reason to give anything up.
        if (used + bytes - CachedBytes <= quota) Evict(used + bytes - quota);
        used = UsedBytes();
        if (used + bytes <= quota) return;
        throw new StokerException(
            ErrorKind.OutOfSpace,
            $"Sessions take {used:N0} bytes and {bytes:N0} more are needed, but sessions.quota is {quota:N0}: remove some (stoker sessions list, stoker sessions rm) or raise it (stoker config set sessions.quota).");
    }

    public bool TryFree(long bytes) => Evict(bytes);

    public long CachedBytes => UsedBytes(store.CacheFolders());

    /// <summary>Does what needs little room, again and again while the disk is full and the prompt cache has something to give.</summary>
    internal T WithRoom<T>(Func<T> work)
    {
        while (true)
        {
            try
            {
                return work();
            }
            catch (Exception error) when (IsFull(error) && TryFree(LittleBytes))
            {
                // There may be room now.
            }
        }
    }

    private static bool IsFull(Exception error) => KvFile.IsFull(error) || (error is StokerException { Kind: ErrorKind.OutOfSpace, InnerException: { } cause } && KvFile.IsFull(cause));

    /// <summary>Disk blocks of all sessions, in bytes; what several share counts once.</summary>
    internal long UsedBytes() => UsedBytes(store.Folders().Concat(store.CacheFolders()));

    internal static long UsedBytes(IEnumerable<SessionFolder> folders)
    {
        var seen = new HashSet<ulong>();
        var bytes = 0L;
        foreach (var folder in folders)
        {
            try
            {
                foreach (var file in Directory.EnumerateFiles(folder.Path))
                {
                    if (FileBlocks.TryRead(file) is { } blocks && (blocks.Links == 1 || seen.Add(blocks.Inode))) bytes += blocks.AllocatedBytes;
                }
            }
            catch (DirectoryNotFoundException)
            {
                // Removed meanwhile.
            }
        }
        return bytes;
    }

    private bool Evict(long bytes)
    {
        var freed = 0L;
        foreach (var victim in store.ListCache().Where(static session => session.State != SessionState.InUse).Reverse())
        {
            if (freed >= bytes) break;
            if (store.TryEvict(victim.Id)) freed += Math.Max(victim.OwnBytes, 1);
        }
        return freed > 0;
    }
}
