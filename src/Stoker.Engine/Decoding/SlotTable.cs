using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Which conversations are kept. Those that nobody answers in stay, in their slots or outside, until
/// room is needed; the one unused for longest goes first. Of the decode thread alone.
/// </summary>
internal sealed class SlotTable(KvContext kv, string? folder) : IDisposable
{
    /// <summary>Conversations kept beside those that answer.</summary>
    private const int MostKept = 32;

    /// <summary>Cells of all kept ones take no more than this on disk.</summary>
    private const long MostKeptBytes = 8L << 30;

    private readonly List<Conversation> _kept = [];
    private SlotSeats? _seats;
    private long _clock;

    public KvContext Kv => kv;

    /// <summary>Who lies in which slot.</summary>
    public SlotSeats Seats => _seats ??= new SlotSeats(kv, ForgetIdle);

    /// <summary>Where conversations without a name stay; null: they end with the process.</summary>
    public PromptCache? Cache { get; init; }

    /// <summary>States of kept ones take no more than this in memory.</summary>
    public long MostHeapBytes { get; init; } = long.MaxValue;

    /// <summary>When those that nobody answers in are paged out.</summary>
    public IdlePages Idle { get; init; } = new(Timeout.InfiniteTimeSpan, TimeProvider.System);

    /// <summary>Takes conversations that were not used for long out of their slots and gives their pages back to the kernel.</summary>
    public void PageOutIdle()
    {
        if (!InFiles || !Idle.IsDue) return;
        LetGo();
        foreach (var kept in _kept.Where(kept => !kept.IsAnswering && !kept.IsPagedOut && Idle.IsLong(kept.RestsSince)).ToArray())
        {
            if (kept.Slot is null || Seats.TryLeave(kept)) Idle.PageOut(kept, kv.Drain);
        }
        Idle.Plan(_kept);
    }

    /// <summary>All conversations, the latest used first.</summary>
    public IEnumerable<Conversation> Kept => _kept.OrderByDescending(static kept => kept.LastUsed);

    private bool InFiles => kv.Layout is not null;

    /// <summary>One on disk that the prompt begins like by more than any that is open here, opened; null: none. <see cref="Adopt"/> takes it in.</summary>
    public OpenSession? Recall(int[] prompt, string scope) => Cache?.Recall(prompt, scope, Choose(prompt, Candidates(scope)).Cells);

    /// <summary>A conversation for this prompt: one that begins like it, or a new one. It is in a slot and answers from now on.</summary>
    /// <param name="reuse">False: a new one, whatever there is.</param>
    public Conversation Begin(int[] prompt, string scope, bool reuse)
    {
        var candidates = reuse ? Candidates(scope) : [];
        var plan = Choose(prompt, candidates);
        var fork = plan.Use == PrefixUse.Fork ? TryFork(candidates[plan.Index], plan.Cells) : null;
        var conversation = fork ?? (plan.Use == PrefixUse.Continue && TryCut(candidates[plan.Index], plan.Cells) ? candidates[plan.Index] : New(scope));
        TakeFor(conversation, prompt);
        // What was refused as its beginning is of no use to the next one either.
        if (fork is { Tokens.Count: 0 } && candidates[plan.Index] is { IsAnswering: false, Session: null or { Name: null } } refused) Drop(refused);
        return conversation;
    }

    // The prompt's cells fit on the disk, as far as one can tell.
    private Conversation TakeFor(Conversation conversation, int[] prompt)
    {
        conversation.IsAnswering = true; // it is none of those that may go for room
        try
        {
            if (conversation.Chain is { } chain) new PromptRoom(folder!, TryFree).Make(chain, kv.Layout!, prompt.Length);
        }
        catch
        {
            conversation.IsAnswering = false;
            if (conversation.Tokens.Count == 0) Forget(conversation);
            throw;
        }
        return Take(conversation);
    }

    /// <summary>Puts it into a slot and marks it as answering; without its cells, where llama.cpp refuses them. When that fails it is forgotten.</summary>
    public Conversation Take(Conversation conversation)
    {
        conversation.IsAnswering = true;
        conversation.IsPagedOut = false;
        conversation.LastUsed = ++_clock;
        try
        {
            try
            {
                Seats.Take(conversation);
            }
            catch (StokerException refused) when (refused.Kind == ErrorKind.Corrupt && conversation.Tokens.Count > 0)
            {
                Console.Error.WriteLine($"A conversation of {conversation.Tokens.Count} tokens is computed again. {refused.Message}");
                GiveUpCells(conversation);
                Seats.Take(conversation);
            }
            return conversation;
        }
        catch
        {
            Forget(conversation);
            throw;
        }
    }

    // Of one in no slot; durably, or they would be refused again.
    private void GiveUpCells(Conversation conversation)
    {
        conversation.State = default;
        conversation.Cut(0);
        OwnAgain(conversation, 0);
    }

    public Conversation New(string scope)
    {
        if (Cache?.TryCreate(scope) is { } session) return Adopt(session);
        var conversation = new Conversation(scope);
        if (InFiles) conversation.Chain = new KvChain([], NewFile());
        _kept.Add(conversation);
        return conversation;
    }

    /// <summary>A session that was opened, as a conversation outside of the slots.</summary>
    public Conversation Adopt(OpenSession session)
    {
        var snapshot = session.Snapshot;
        var conversation = new Conversation(session.Scope) { Session = session, Chain = session.Chain, State = snapshot.State, Messages = snapshot.Messages, RestsSince = Idle.Now };
        conversation.Tokens.AddRange(snapshot.Tokens);
        if (!kv.CanTruncate && InFiles && snapshot.Cells > 0)
        {
            foreach (var point in snapshot.Points) conversation.AddPoint(new KvState(point.Cells, point.State.ToArray()));
            conversation.AddPoint(new KvState(snapshot.Cells, snapshot.State.ToArray()));
        }
        _kept.Add(conversation);
        return conversation;
    }

    /// <summary>
    /// Makes a session's conversation keep no more than what the prompt begins with, and answer. One that nothing was saved of yet
    /// begins with the cells of another that the prompt begins like, and shares them.
    /// </summary>
    /// <param name="reuse">False: it shares nothing.</param>
    /// <exception cref="StokerException">The cells do not fit this context; or OutOfSpace, Io.</exception>
    public Conversation GoOn(Conversation conversation, int[] prompt, bool reuse = true)
    {
        if (reuse && conversation.Tokens.Count == 0) BeginLike(conversation, prompt);
        // A state in one piece is put into a slot first and cut there.
        if (!InFiles && conversation.Slot is null && conversation.Tokens.Count > 0) Take(conversation);
        var cells = PrefixChoice.Usable(PrefixChoice.Common(prompt, conversation.Tokens), Describe(conversation), kv.CanTruncate);
        if (!TryCut(conversation, cells)) TryCut(conversation, 0);
        return conversation.IsAnswering ? conversation : TakeFor(conversation, prompt);
    }

    /// <summary>Where a model that cannot forget single cells can return to: called between two steps.</summary>
    public void Mark(Conversation conversation)
    {
        if (kv.CanTruncate || !InFiles || conversation.Slot is not { } slot) return;
        try
        {
            conversation.AddPoint(kv.Capture(slot));
        }
        catch (Exception error)
        {
            Console.Error.WriteLine($"A state to return to was not kept: {error}"); // it is computed again instead
        }
    }

    /// <summary>Nobody answers in it any more; it stays, and another may have to go.</summary>
    public void Release(Conversation conversation)
    {
        conversation.IsAnswering = false;
        conversation.LastUsed = ++_clock;
        conversation.RestsSince = Idle.Now;
        LetGo();
        if (InFiles) Idle.Plan(_kept);
    }

    /// <summary>Those for whom there is no room go. One that is being saved would be waited for: it goes the next time.</summary>
    public void LetGo()
    {
        var room = new KeptRoom(MostKept, MostKeptBytes, MostHeapBytes) { UnnamedBytes = Cache?.QuotaBytes ?? long.MaxValue };
        var kept = Kept.ToArray();
        foreach (var leaver in room.Leavers([.. kept.Select(SizeOf)]).Where(leaver => kept[leaver].Saving.IsCompleted)) ForgetIdle(kept[leaver]);
        foreach (var empty in kept.Where(static one => one.Tokens.Count == 0)) ForgetIdle(empty);
    }

    private KeptSize SizeOf(Conversation kept) =>
        new(kv.Layout is { } layout ? [.. kept.Chain!.Parts(kept.Tokens.Count, layout)] : [], kept.HeapBytes, kept.Session?.Name is not null);

    /// <summary>While nobody waits: the next empty slot is made ready for a fork of the longest conversation.</summary>
    public void PrepareSlot() => Seats.Prepare(_kept.Select(static kept => kept.Tokens.Count).DefaultIfEmpty().Max());

    /// <summary>There is no room on disk: the one without a name that was not used for longest goes, or may go from now on. False: there is none.</summary>
    public bool TryFree()
    {
        if (Kept.LastOrDefault(static kept => !kept.IsAnswering && kept.Session?.Name is null) is not { } victim) return false;
        Forget(victim);
        kv.Drain(); // what is mapped keeps its blocks
        return true;
    }

    /// <summary>One whose last save found the disk full is saved again, where somebody else makes room. False: that is no use.</summary>
    public bool TrySaveAgain(Conversation conversation)
    {
        if (conversation.SaveFailure is not StokerException { Kind: ErrorKind.OutOfSpace } || !TryFree()) return false;
        conversation.SaveAgain();
        return true;
    }

    /// <summary>Gone, with its cells.</summary>
    public void Forget(Conversation conversation) => Forget(conversation, Cache);

    // Whoever gives one up has a reason of their own to tell.
    private void Forget(Conversation conversation, PromptCache? cache)
    {
        _kept.Remove(conversation);
        try
        {
            try
            {
                Seats.Empty(conversation);
            }
            finally
            {
                if (conversation.IsUnsaid) DropUnsaid(conversation.Session!);
                else conversation.CloseFiles(cache);
            }
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error);
        }
    }

    /// <summary>Named ones in which nothing was ever said and nobody answers leave nothing behind.</summary>
    public void ForgetUnsaid()
    {
        foreach (var unsaid in _kept.Where(static kept => kept is { IsAnswering: false, IsUnsaid: true }).ToArray()) Forget(unsaid);
    }

    // What was computed for it is not lost: the next one that begins so shares it.
    private void DropUnsaid(OpenSession unsaid)
    {
        Cache?.Keep(unsaid);
        PromptCache.Drop(unsaid);
    }

    /// <summary>Lets a session go that is no conversation here.</summary>
    public void Close(OpenSession session)
    {
        if (Cache is { } cache) cache.Close(session);
        else session.Dispose();
    }

    // What lies on disk of it goes too.
    private void Drop(Conversation conversation)
    {
        conversation.Settle();
        if (conversation.Session is { } session) PromptCache.Drop(session);
        Forget(conversation, cache: null);
    }

    /// <summary>Cuts an idle conversation, or one in its slot between two steps. False: it cannot; it is as before.</summary>
    public bool TryCut(Conversation conversation, int cells)
    {
        if (cells == conversation.Tokens.Count) return true;
        if (!kv.CanTruncate && cells > 0)
        {
            var state = conversation.StateAt(cells);
            if (state.IsEmpty) return false;
            if (conversation.Slot is not null) Seats.Leave(conversation);
            conversation.State = state;
        }
        else if (conversation.Slot is { } slot)
        {
            if (!kv.Truncate(slot, cells)) return false;
        }
        else if (!InFiles && cells > 0)
        {
            return false; // its state is one piece
        }
        else if (cells == 0)
        {
            conversation.State = default;
        }
        conversation.Cut(cells);
        try
        {
            OwnAgain(conversation, cells);
        }
        catch
        {
            // Its snapshot still has what was cut: from there it is opened again.
            Forget(conversation);
            throw;
        }
        return true;
    }

    public void Dispose()
    {
        foreach (var kept in _kept.ToArray()) Forget(kept);
    }

    // Without the cache nothing protects the cells that a session shares: see TryFork.
    private Conversation[] Candidates(string scope) => [.. Kept.Where(kept => kept.Scope == scope && (Cache is not null || kept.Session is null))];

    private PrefixPlan Choose(int[] prompt, Conversation[] candidates) =>
        PrefixChoice.Choose(prompt, [.. candidates.Select(Describe)], kv.CanTruncate, canFork: InFiles);

    private static KeptPrefix Describe(Conversation kept) => new(kept.Tokens, kept.IsAnswering || kept.Session?.Name is not null, [.. kept.Points.Select(static point => point.Cells)]);

    // Null: it cannot be had. A session's files need another name on disk for that: whoever closes it and opens it again could
    // not know of anything else that reads them, and would overwrite it.
    private Conversation? TryFork(Conversation parent, int cells)
    {
        var state = StateAt(parent, cells);
        var session = parent.Session is { } open ? Cache?.TryBranch(open, cells) : null;
        if (parent.Session is not null && session is null) return null;
        var chain = session?.Chain ?? ChainCut.Fork(parent.Chain!, kv.Layout!, cells, NewFile);
        var child = new Conversation(parent.Scope) { Session = session, Chain = chain };
        child.BeginLike(parent, cells, state);
        _kept.Add(child);
        return child;
    }

    private void BeginLike(Conversation fresh, int[] prompt)
    {
        if (fresh is not { Session: { } session, Slot: null }) return;
        var candidates = Candidates(fresh.Scope);
        var plan = Choose(prompt, candidates);
        if (plan.Use == PrefixUse.None || candidates[plan.Index] is not { Session: { } open } parent) return;
        var state = StateAt(parent, plan.Cells);
        if (Cache?.TryShare(session, open, plan.Cells) != true) return;
        fresh.Chain = session.Chain;
        fresh.BeginLike(parent, plan.Cells, state);
    }

    private ReadOnlyMemory<byte> StateAt(Conversation parent, int cells) =>
        kv.CanTruncate ? default
        : cells == parent.Tokens.Count ? parent.Slot is { } slot ? kv.Capture(slot).State : parent.State
        : parent.StateAt(cells);

    // Without a name; what the cache keeps makes room for it all the same.
    private KvFile NewFile()
    {
        var file = KvFile.CreateUnnamed(folder!, kv.Layout!);
        return Cache?.MakeRoomFor(file) ?? file;
    }

    // What others read must not be overwritten: the conversation becomes a child of its own old file.
    private void OwnAgain(Conversation conversation, int cells)
    {
        if (conversation.Session is { } session)
        {
            conversation.Settle();
            if (session.MoveBack(cells, kv.CanTruncate ? default : conversation.StateAt(cells)) && conversation.Slot is { } seat) kv.Remap(seat, session.Chain!);
            conversation.Chain = session.Chain;
            return;
        }
        if (conversation.Chain is not { } chain || (!chain.Own.IsShared && cells >= chain.FirstOwnCell)) return;
        var child = ChainCut.Fork(chain, kv.Layout!, cells, NewFile);
        if (conversation.Slot is { } slot) kv.Remap(slot, child);
        conversation.Chain = child;
        chain.Dispose();
    }

    private void ForgetIdle(Conversation kept)
    {
        if (!kept.IsAnswering) Forget(kept);
    }
}
