using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Named conversations: opens them for an answer and saves them as it goes on. One that is open here stays so, in its slot or
/// beside, until it is asked for by somebody else or room is needed. Of the decode thread alone.
/// </summary>
internal sealed class SessionDesk(SessionStore store, SessionIdentity identity, SlotTable table, int vocabularySize)
{
    /// <summary>Tokens between two snapshots of one answer.</summary>
    private const int SnapshotTokens = 256;

    /// <summary>The same without a name: a prompt of so many is worth keeping before its answer is there.</summary>
    private const int CacheTokens = 1024;

    /// <summary>The conversation of that name. Null: its cells have to be read first (<paramref name="doubtful"/>).</summary>
    /// <param name="mayCreate">A new one where there is none.</param>
    /// <exception cref="StokerException">Busy: somebody answers in it, or another process holds it. Conflict: it belongs to another model. NotFound, Corrupt, InvalidInput.</exception>
    public Conversation? Open(string name, string scope, bool mayCreate, out OpenSession? doubtful)
    {
        doubtful = null;
        if (Find(name, scope) is { } kept)
            return kept.IsAnswering ? throw Busy(name) : kept;
        SessionName.Check(name);
        var layout = table.Kv.Layout;
        var session = store.TryOpenInDoubt(name, scope, identity, layout);
        if (session is null && !mayCreate) throw new StokerException(ErrorKind.NotFound, $"There is no session {name} to continue. See: stoker sessions list");
        session ??= store.Create(name, scope, identity, layout);
        if (session.Doubt is not null)
        {
            doubtful = session;
            return null;
        }
        return Adopt(session);
    }

    /// <summary>An opened session as a conversation; closed when it cannot be one.</summary>
    public Conversation Adopt(OpenSession session)
    {
        var name = session.Name ?? session.Id;
        try
        {
            var snapshot = session.Snapshot;
            if (session.Damage is { } damage) Console.Error.WriteLine($"Session {name}: {damage}.");
            if (snapshot.Tokens.Any(token => token < 0 || token >= vocabularySize))
                throw new StokerException(ErrorKind.Corrupt, $"Session {name} holds tokens that its model does not have: it is damaged. Remove it (stoker sessions rm {name}), or import it again.");
            return table.Adopt(session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>While a prompt is read, so many tokens are lost to a kill at most.</summary>
    public const int PrefillTokens = 2048;

    /// <summary>In the middle of an answer.</summary>
    /// <param name="newTokens">Since it was saved last.</param>
    public static bool IsTimeToSave(Conversation conversation, bool isPrompted, int newTokens) =>
        conversation.Session?.Name is null ? newTokens >= CacheTokens : isPrompted || newTokens >= SnapshotTokens;

    /// <summary>
    /// Makes the conversation as it is now the one that a restart finds, beside the decode thread: sums and syncs take as long as the
    /// disk does. More cells in memory than can be copied are not kept: there it finds the text, and computes it again.
    /// </summary>
    public void Save(Answer answer)
    {
        var conversation = answer.Conversation;
        if (conversation.Session is not { } session) return;
        if (session.Name is null)
        {
            SaveUnnamed(conversation, session);
            return;
        }
        if (answer.PromptLeft > 0)
        {
            SavePrefix(conversation, session);
            return;
        }
        var snapshot = new SessionSnapshot { Tokens = [], SamplerState = answer.Sampler.State, Answer = answer.Kept, Messages = answer.MessagesSoFar };
        if (TryState(conversation) is { } state) snapshot = snapshot with { Tokens = [.. conversation.Tokens], State = state, Points = conversation.SavedPoints };
        conversation.Messages = snapshot.Messages;
        conversation.SaveBeside(() => session.Save(snapshot));
    }

    /// <summary>Nobody answers in it for now.</summary>
    public static void Rest(Conversation conversation)
    {
        if (conversation.Session is { Name: not null } session && session.Snapshot.Cells == conversation.Tokens.Count) session.Rest();
    }

    // What was said stays what it was: the prompt is not read to its end. Cells alone would be lost, where they lie in memory nothing.
    private void SavePrefix(Conversation conversation, OpenSession session)
    {
        if (conversation.Chain is null) return;
        var snapshot = session.Snapshot with { Tokens = [.. conversation.Tokens], State = table.Kv.Capture(conversation.Slot!.Value).State, Points = conversation.SavedPoints, Answer = session.Snapshot.Answer is { } answer ? answer with { Next = null } : null };
        conversation.SaveBeside(() => session.Save(snapshot));
    }

    // Nobody was promised that it is kept.
    private void SaveUnnamed(Conversation conversation, OpenSession session)
    {
        if (conversation.Tokens.Count < PrefixChoice.LeastCells) return;
        var state = conversation.Slot is { } slot ? table.Kv.Capture(slot).State : conversation.State;
        var snapshot = new SessionSnapshot { Tokens = [.. conversation.Tokens], State = state, Points = conversation.SavedPoints };
        conversation.SaveBeside(() =>
        {
            try
            {
                session.Save(snapshot);
                session.Rest();
                if (table.Cache is { } cache) _ = cache.TrimBeside();
            }
            catch (Exception error)
            {
                Console.Error.WriteLine($"Prompt cache: {error.Message}"); // the last snapshot stands
            }
        });
    }

    /// <summary>Closes a session, so that others can hold it. Not open here: nothing to do.</summary>
    /// <param name="nameOrId">Null: all that nobody answers in.</param>
    /// <exception cref="StokerException">Busy: somebody answers in it.</exception>
    public void Close(string? nameOrId, string? scope)
    {
        foreach (var kept in table.Kept.Where(kept => kept.Session is { } open && (nameOrId is null || open.Id == nameOrId || (open.Name == nameOrId && (scope is null || scope == open.Scope)))).ToArray())
        {
            if (!kept.IsAnswering) table.Forget(kept);
            else if (nameOrId is not null) throw Busy(kept.Session!.Name ?? nameOrId);
        }
    }

    private ReadOnlyMemory<byte>? TryState(Conversation conversation)
    {
        try
        {
            return conversation.Slot is { } slot ? table.Kv.Capture(slot).State : conversation.State;
        }
        catch (StokerException large) when (large.Kind == ErrorKind.TooLarge)
        {
            Console.Error.WriteLine($"Session {conversation.Session!.Name}: only its text is kept. {large.Message}");
            return null;
        }
    }

    private Conversation? Find(string name, string scope) =>
        table.Kept.FirstOrDefault(kept => kept.Scope == scope && kept.Session is { } open && open.Name == name);

    private static StokerException Busy(string name) => new(ErrorKind.Busy, $"Session {name} is answering just now: wait for its end, or stop it.") { RetryAfter = TimeSpan.FromSeconds(2) };
}
