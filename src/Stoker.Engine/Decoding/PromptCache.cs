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

    /// <summary>The one that the prompt begins like by more than so many tokens, opened, perhaps with cells in doubt; null: none.</summary>
    public OpenSession? Recall(ReadOnlySpan<int> prompt, string scope, int moreThan)
    {
        var index = Index();
        // Some may have been evicted since; whoever is asked for a prompt shall not wait for all of those.
        for (var tried = 0; tried < MostTried && index.Longest(prompt, scope, Math.Max(moreThan, PrefixChoice.LeastCells - 1)) is { } id; tried++)
        {
            index.Remove(id);
            try
            {
                return _store.OpenInDoubt(id, scope, _identity, _layout);
            }
            catch (StokerException error)
            {
                // Removed meanwhile, or held by somebody; what is damaged is of no use to anybody.
                if (error.Kind == ErrorKind.Corrupt) Try(() => _store.TryEvict(id));
            }
        }
        return null;
    }

    /// <summary>Closes a conversation's files; what was saved of it can be recalled.</summary>
    public void Close(OpenSession session)
    {
        var snapshot = session.Snapshot;
        if (snapshot.Cells < PrefixChoice.LeastCells)
        {
            Try(() =>
            {
                session.Remove();
                return true;
            });
            session.Dispose();
            return;
        }
        session.Dispose();
        Index().Add(new CachedConversation(session.Id, session.Scope, snapshot.Tokens, [.. snapshot.Points.Select(static point => point.Cells)]), _canCut);
        TrimBeside();
    }

    /// <summary>Makes room for what came, beside the caller. Thread-safe.</summary>
    public void TrimBeside() => _ = Task.Run(Trim);

    private void Trim()
    {
        _isTrimWanted = true;
        // Whoever is at it already looks again for what came meanwhile.
        while (_isTrimWanted && _trimming.TryEnter())
        {
            try
            {
                _isTrimWanted = false;
                Try(() =>
                {
                    _store.TrimCache(_quotaBytes);
                    return true;
                });
            }
            finally
            {
                _trimming.Exit();
            }
        }
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
        TrimBeside(); // the first request waits for the look, not for this
    }

    /// <summary>For who does not want it: removes what was kept before, beside the caller.</summary>
    public static void RemoveAll(SessionStore store) => _ = Task.Run(() => Try(() =>
    {
        store.TrimCache(0);
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
