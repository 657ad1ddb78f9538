using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Which conversations are kept and which slots they lie in. Those that nobody answers in stay, in their slots or outside, until
/// room is needed; the one unused for longest goes first. Of the decode thread alone.
/// </summary>
internal sealed class SlotTable(KvContext kv, string? folder) : IDisposable
{
    /// <summary>Conversations kept beside those that answer.</summary>
    private const int MostKept = 32;

    /// <summary>Cells of all kept ones take no more than this on disk.</summary>
    private const long MostKeptBytes = 8L << 30;

    /// <summary>Shorter ones enter any slot in a millisecond.</summary>
    private const int WorthPreparing = 4096;

    private readonly Conversation?[] _slots = new Conversation?[kv.Slots];
    private readonly List<Conversation> _kept = [];
    private long _clock;

    public KvContext Kv => kv;

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
        foreach (var kept in _kept.Where(kept => !kept.IsAnswering && !kept.IsPagedOut && Idle.IsLong(kept.RestsSince)).ToArray())
        {
            try
            {
                if (kept.Slot is not null) Unseat(kept);
                Idle.PageOut(kept, kv.Drain);
            }
            catch (Exception error) when (error is LlamaException or LibcException or StokerException or OutOfMemoryException)
            {
                Console.Error.WriteLine($"A conversation at rest was given up: {error.Message}");
                Forget(kept);
            }
        }
        Idle.Plan(_kept);
    }

    /// <summary>All conversations, the latest used first.</summary>
    public IEnumerable<Conversation> Kept => _kept.OrderByDescending(static kept => kept.LastUsed);

    public bool HasFreeSlot => _slots.Any(static seated => seated is not { IsAnswering: true });

    private bool InFiles => kv.Layout is not null;

    /// <summary>One on disk that the prompt begins like by more than any that is open here, opened; null: none. <see cref="Adopt"/> takes it in.</summary>
    public OpenSession? Recall(int[] prompt, string scope) => Cache?.Recall(prompt, scope, Choose(prompt, Candidates(scope)).Cells);

    /// <summary>A conversation for this prompt: one that begins like it, or a new one. It is in a slot and answers from now on.</summary>
    /// <param name="reuse">False: a new one, whatever there is.</param>
    public Conversation Begin(int[] prompt, string scope, bool reuse)
    {
        var candidates = reuse ? Candidates(scope) : [];
        var plan = Choose(prompt, candidates);
        var conversation = plan.Use switch
        {
            PrefixUse.Continue when TryCut(candidates[plan.Index], plan.Cells) => candidates[plan.Index],
            PrefixUse.Fork => Fork(candidates[plan.Index], plan.Cells),
            _ => New(scope),
        };
        return Take(conversation);
    }

    /// <summary>Puts it into a slot and marks it as answering. When that fails it is forgotten.</summary>
    public Conversation Take(Conversation conversation)
    {
        conversation.IsAnswering = true;
        conversation.IsPagedOut = false;
        conversation.LastUsed = ++_clock;
        try
        {
            Seat(conversation);
            return conversation;
        }
        catch
        {
            Forget(conversation);
            throw;
        }
    }

    public Conversation New(string scope)
    {
        if (Cache?.TryCreate(scope) is { } session) return Adopt(session);
        var conversation = new Conversation(scope);
        if (InFiles) conversation.Chain = new KvChain([], KvFile.CreateUnnamed(folder!, kv.Layout!));
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

    /// <summary>Makes a session's conversation keep no more than what the prompt begins with, and answer.</summary>
    /// <exception cref="StokerException">The cells do not fit this context; or OutOfSpace, Io.</exception>
    public Conversation GoOn(Conversation conversation, int[] prompt)
    {
        var common = PrefixChoice.Common(prompt, conversation.Tokens);
        // A state in one piece is put into a slot first and cut there.
        if (!InFiles && conversation.Slot is null && conversation.Tokens.Count > 0) Take(conversation);
        var cells = PrefixChoice.Usable(common, Describe(conversation), kv.CanTruncate);
        if (!TryCut(conversation, cells)) TryCut(conversation, 0);
        return conversation.IsAnswering ? conversation : Take(conversation);
    }

    /// <summary>Where a model that cannot forget single cells can return to: called between two steps.</summary>
    public void Mark(Conversation conversation)
    {
        if (kv.CanTruncate || !InFiles || conversation.Slot is not { } slot) return;
        try
        {
            conversation.AddPoint(kv.Capture(slot));
        }
        catch (Exception error) when (error is LlamaException or StokerException or OutOfMemoryException)
        {
            Console.Error.WriteLine($"A state to return to was not kept: {error.Message}"); // it is computed again instead
        }
    }

    /// <summary>Nobody answers in it any more; it stays, and another may have to go.</summary>
    public void Release(Conversation conversation)
    {
        conversation.IsAnswering = false;
        conversation.LastUsed = ++_clock;
        conversation.RestsSince = Idle.Now;
        var room = new KeptRoom(MostKept, Math.Min(MostKeptBytes, Cache?.QuotaBytes ?? long.MaxValue), MostHeapBytes);
        var kept = Kept.ToArray();
        foreach (var leaver in room.Leavers([.. kept.Select(one => (one.Tokens.Count * (kv.Layout?.CellBytes ?? 0), one.HeapBytes))])) ForgetIdle(kept[leaver]);
        foreach (var empty in kept.Where(static one => one.Tokens.Count == 0)) ForgetIdle(empty);
        if (InFiles) Idle.Plan(_kept);
    }

    /// <summary>While nobody waits: the next empty slot is made ready for a fork of the longest conversation.</summary>
    public void PrepareSlot()
    {
        var longest = _kept.Select(static kept => kept.Tokens.Count).DefaultIfEmpty().Max();
        var empty = Array.IndexOf(_slots, null);
        if (empty >= 0 && longest >= WorthPreparing) kv.Prepare(empty, longest);
    }

    /// <summary>There is no room on disk: the one without a name that was not used for longest goes, or may go from now on. False: there is none.</summary>
    public bool TryFree()
    {
        if (Kept.LastOrDefault(static kept => !kept.IsAnswering && kept.Session?.Name is null) is not { } victim) return false;
        Forget(victim);
        kv.Drain(); // what is mapped keeps its blocks
        return true;
    }

    /// <summary>Gone, with its cells.</summary>
    public void Forget(Conversation conversation)
    {
        if (conversation.Slot is { } slot)
        {
            kv.Empty(slot);
            Empty(slot);
        }
        _kept.Remove(conversation);
        conversation.CloseFiles(Cache);
    }

    /// <summary>Cuts an idle conversation, or one in its slot between two steps. False: it cannot; it is as before.</summary>
    public bool TryCut(Conversation conversation, int cells)
    {
        if (cells == conversation.Tokens.Count) return true;
        if (!kv.CanTruncate && cells > 0)
        {
            var state = conversation.StateAt(cells);
            if (state.IsEmpty) return false;
            if (conversation.Slot is not null) Unseat(conversation);
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

    /// <summary>Takes it out of its slot; its cells stay where they are, its state comes along.</summary>
    public void Unseat(Conversation conversation)
    {
        var slot = conversation.Slot!.Value;
        conversation.State = kv.Detach(slot).State;
        Empty(slot);
    }

    /// <summary>Between two steps: brings those that answer side by side. In files a move costs milliseconds, and a gap half of the speed.</summary>
    public void CloseGaps()
    {
        if (!InFiles) return;
        while (SlotChoice.Gap([.. _slots.Select(static seated => seated is { IsAnswering: true })]) is var (from, to))
        {
            var moving = _slots[from]!;
            Unseat(moving);
            PutInto(to, moving);
        }
    }

    public void Dispose()
    {
        foreach (var kept in _kept.ToArray()) Forget(kept);
    }

    private Conversation[] Candidates(string scope) => [.. Kept.Where(kept => kept.Scope == scope)];

    private PrefixPlan Choose(int[] prompt, Conversation[] candidates) =>
        PrefixChoice.Choose(prompt, [.. candidates.Select(Describe)], kv.CanTruncate, canFork: InFiles);

    private static KeptPrefix Describe(Conversation kept) => new(kept.Tokens, kept.IsAnswering || kept.Session?.Name is not null, [.. kept.Points.Select(static point => point.Cells)]);

    private Conversation Fork(Conversation parent, int cells)
    {
        var state = kv.CanTruncate ? default
            : cells == parent.Tokens.Count ? parent.Slot is { } slot ? kv.Capture(slot).State : parent.State
            : parent.StateAt(cells);
        var session = parent.Session is null ? null : Cache?.TryBranch(parent.Session, cells);
        var chain = session?.Chain ?? parent.Chain!.Fork(cells, KvFile.CreateUnnamed(folder!, kv.Layout!), kv.Layout!);
        var child = new Conversation(parent.Scope) { Session = session, Chain = chain, State = state };
        child.Tokens.AddRange(parent.Tokens.Take(cells));
        _kept.Add(child);
        return child;
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
        var child = chain.Fork(cells, KvFile.CreateUnnamed(folder!, kv.Layout!), kv.Layout!);
        if (conversation.Slot is { } slot) kv.Remap(slot, child);
        conversation.Chain = child;
        chain.Dispose();
    }

    private void Seat(Conversation conversation)
    {
        var active = _slots.Select(static seated => seated is { IsAnswering: true }).ToArray();
        if (conversation.Slot is { } own) active[own] = false;
        var used = _slots.Select(static seated => seated?.LastUsed ?? -1).ToArray();
        var slot = SlotChoice.Choose(active, conversation.Slot, used, staysPut: !InFiles)
            ?? throw new StokerException(ErrorKind.Internal, "A conversation was given no slot: more answer than there are.");
        if (conversation.Slot == slot) return;
        if (conversation.Slot is not null) Unseat(conversation);
        PutInto(slot, conversation);
    }

    private void PutInto(int slot, Conversation conversation)
    {
        if (_slots[slot] is { } seated) MakeWay(seated);
        kv.Attach(slot, conversation.Chain, conversation.Tokens.Count, conversation.State);
        _slots[slot] = conversation;
        conversation.Slot = slot;
        conversation.State = default;
    }

    // Cells in memory would have to be copied: they are computed again instead.
    private void MakeWay(Conversation seated)
    {
        if (InFiles) Unseat(seated);
        else ForgetIdle(seated);
    }

    private void ForgetIdle(Conversation kept)
    {
        if (!kept.IsAnswering) Forget(kept);
    }

    private void Empty(int slot)
    {
        if (_slots[slot] is { } seated) seated.Slot = null;
        _slots[slot] = null;
    }
}
