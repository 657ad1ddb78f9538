using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Conversations without a name that stay on disk, so that a prompt which begins like one of them is not computed again, whatever
/// ended in between. Of the decode thread alone; what takes long happens beside it.
/// </summary>
internal sealed class PromptCache
{
    private const int MostTried = 8;

    private readonly SessionStore _store;
    private readonly SessionIdentity _identity;
    private readonly KvLayout _layout;
    private readonly long _quotaBytes;
    private readonly bool _canCut;
    private readonly Lock _trimming = new();
    private readonly PrefixIndex _index = new();
    private readonly Task _looking;
    private volatile bool _isTrimWanted;

    /// <summary>Looks through what is there, beside the caller.</summary>
    /// <param name="canCut">The model can forget single cells.</param>
    internal PromptCache(SessionStore store, SessionIdentity identity, KvLayout layout, bool canCut, long quotaBytes)
    {
        (_store, _identity, _layout, _canCut, _quotaBytes) = (store, identity, layout, canCut, quotaBytes);
        _looking = Task.Run(Look);
    }

    /// <summary>All that is kept takes no more than this on disk.</summary>
    public long QuotaBytes => _quotaBytes;

    /// <summary>Files for a conversation that begins; null: they cannot be had.</summary>
    public OpenSession? TryCreate(string scope) => Try(() => _store.Create(null, scope, _identity, _layout));

    /// <summary>Files for a conversation that begins like this one; null as above.</summary>
    public OpenSession? TryBranch(OpenSession parent, int cells) => Try(() => parent.Branch(cells));

    /// <summary>A session that nothing was saved of yet begins like this one. False: as above.</summary>
    public bool TryShare(OpenSession fresh, OpenSession parent, int cells) => Try(() => fresh.BeginLike(parent, cells));

    /// <summary>What is kept goes where this file finds the disk full.</summary>
    public KvFile MakeRoomFor(KvFile file) => _store.Own(file);

    /// <summary>The one that the prompt begins like by more than so many tokens, opened, perhaps with cells in doubt; null: none.</summary>
    public OpenSession? Recall(ReadOnlySpan<int> prompt, string scope, int moreThan)
    {
        var index = Index();
        var passedOver = new HashSet<string>();
        // Some may have been evicted since; whoever is asked for a prompt shall not wait for all of those.
        for (var tried = 0; tried < MostTried && index.Longest(prompt, scope, Math.Max(moreThan, PrefixChoice.LeastCells - 1), passedOver) is { } id; tried++)
        {
            try
            {
                var session = _store.OpenInDoubt(id, scope, _identity, _layout);
                index.Remove(id); // until it is closed
                return session;
            }
            catch (StokerException error) when (error.Kind is ErrorKind.Busy or ErrorKind.OutOfSpace or ErrorKind.Io)
            {
                passedOver.Add(id); // another time
            }
            catch (Exception error) when (error is StokerException or OutOfMemoryException)
            {
                // Removed meanwhile, or larger than what is left of memory; what is damaged is of no use to anybody.
                index.Remove(id);
                if (error is StokerException { Kind: ErrorKind.Corrupt }) Try(() => _store.TryEvict(id));
            }
        }
        return null;
    }

    /// <summary>Closes a conversation's files; what was saved of it can be recalled.</summary>
    public void Close(OpenSession session)
    {
        var snapshot = session.Snapshot;
        if (snapshot.Cells < PrefixChoice.LeastCells && session.Name is null)
        {
            Drop(session);
            return;
        }
        session.Dispose();
        Index().Add(new CachedConversation(session.Id, session.Scope, snapshot.Tokens, [.. snapshot.Points.Select(static point => point.Cells)]), _canCut);
        _ = TrimBeside();
    }

    /// <summary>What was saved of a conversation that is about to go, without its name.</summary>
    public void Keep(OpenSession session)
    {
        if (session.Snapshot.Cells >= PrefixChoice.LeastCells && Try(() => session.Fork(null)) is { } kept) Close(kept);
    }

    /// <summary>Closes a conversation that is of no use, and removes it.</summary>
    public static void Drop(OpenSession session)
    {
        Try(() =>
        {
            session.Remove();
            return true;
        });
        session.Dispose();
    }

    /// <summary>Makes room for what came, beside the caller. Thread-safe.</summary>
    /// <returns>Ends when it is made. Never faults.</returns>
    public Task TrimBeside()
    {
        _isTrimWanted = true;
        return Task.Run(() =>
        {
            lock (_trimming)
            {
                if (!_isTrimWanted) return; // somebody has looked since
                _isTrimWanted = false;
                Try(() =>
                {
                    _store.TrimCache(_quotaBytes);
                    return true;
                });
            }
        });
    }

    // Not to be touched before what is there has been seen.
    private PrefixIndex Index()
    {
        ((IAsyncResult)_looking).AsyncWaitHandle.WaitOne();
        return _index;
    }

    private void Look()
    {
        Try(() =>
        {
            foreach (var found in _store.ReadCache(_identity, _layout)) _index.Add(found, _canCut);
            return true;
        });
        _ = TrimBeside(); // the first request waits for the look, not for this
    }

    /// <summary>For who does not want it, or cannot have it: what was kept before takes no more than this, soon.</summary>
    public static void TrimBeside(SessionStore store, long quotaBytes) => _ = Task.Run(() => Try(() =>
    {
        store.TrimCache(quotaBytes);
        return true;
    }));

    // The cache is a help: where it fails, the prompt is computed.
    private static T? Try<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is StokerException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"Prompt cache: {error.Message}");
            return default;
        }
    }
}
