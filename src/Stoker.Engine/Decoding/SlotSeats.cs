using Stoker.Core.Errors;
using Stoker.Engine.Kv;

namespace Stoker.Engine.Decoding;

/// <summary>Which conversation lies in which slot, and how it comes there. Of the decode thread alone.</summary>
/// <param name="forget">Gives up one that nobody answers in.</param>
internal sealed class SlotSeats(KvContext kv, Action<Conversation> forget)
{
    /// <summary>Shorter conversations enter any slot in a millisecond.</summary>
    private const int WorthPreparing = 4096;

    private readonly Conversation?[] _slots = new Conversation?[kv.Slots];

    public bool AnyFree => _slots.Any(static seated => seated is not { IsAnswering: true });

    private bool InFiles => kv.Layout is not null;

    /// <summary>Gives it the best slot that there is, or lets it stay where it is.</summary>
    /// <exception cref="StokerException">As <see cref="KvContext.Attach"/>: it is in no slot then.</exception>
    public void Take(Conversation conversation)
    {
        var active = _slots.Select(static seated => seated is { IsAnswering: true }).ToArray();
        if (conversation.Slot is { } own) active[own] = false;
        var used = _slots.Select(static seated => seated?.LastUsed ?? -1).ToArray();
        var slot = SlotChoice.Choose(active, conversation.Slot, used, staysPut: !InFiles)
            ?? throw new StokerException(ErrorKind.Internal, "A conversation was given no slot: more answer than there are.");
        if (conversation.Slot == slot) return;
        if (conversation.Slot is not null) Leave(conversation);
        PutInto(slot, conversation);
    }

    /// <summary>Takes it out of its slot; its cells stay where they are, its state comes along.</summary>
    public void Leave(Conversation conversation)
    {
        conversation.State = kv.Detach(conversation.Slot!.Value).State;
        Free(conversation);
    }

    /// <summary>The same with one that nobody answers in, and nobody's answer shall end for it. False: it was given up.</summary>
    public bool TryLeave(Conversation idle)
    {
        try
        {
            Leave(idle);
            return true;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine($"A conversation at rest was given up: {error}");
            forget(idle);
            return false;
        }
    }

    /// <summary>Takes it out with all that the slot has of it.</summary>
    public void Empty(Conversation conversation)
    {
        if (conversation.Slot is not { } slot) return;
        Free(conversation);
        kv.Empty(slot);
    }

    /// <summary>Between two steps: brings those that answer side by side. In files a move costs milliseconds, and a gap half of the speed.</summary>
    /// <param name="failed">Told of one that could not be moved: its answer ends.</param>
    public void CloseGaps(Action<Conversation, Exception> failed)
    {
        if (!InFiles) return;
        while (SlotChoice.Gap([.. _slots.Select(static seated => seated is { IsAnswering: true })]) is var (from, to))
        {
            var moving = _slots[from]!;
            try
            {
                Leave(moving);
                PutInto(to, moving);
            }
            catch (Exception error)
            {
                failed(moving, error);
            }
        }
    }

    /// <summary>Makes the next empty slot ready for a conversation of so many tokens.</summary>
    public void Prepare(int tokens)
    {
        var empty = Array.IndexOf(_slots, null);
        if (empty >= 0 && tokens >= WorthPreparing) kv.Prepare(empty, tokens);
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
        if (InFiles) TryLeave(seated);
        else forget(seated);
    }

    private void Free(Conversation conversation)
    {
        _slots[conversation.Slot!.Value] = null;
        conversation.Slot = null;
    }
}
