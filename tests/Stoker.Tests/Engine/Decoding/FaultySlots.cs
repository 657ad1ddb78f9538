using Stoker.Engine.Kv;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Slots of which some ways fail, when they are told to.</summary>
/// <param name="fails">Asked with the way's name and the slot.</param>
internal sealed class FaultySlots(KvSlots slots, Func<string, int, bool> fails) : KvSlots
{
    internal override KvLayout? Layout => slots.Layout;

    internal override void Attach(int slot, KvChain? chain, int cells, ReadOnlyMemory<byte> state)
    {
        Check(nameof(Attach), slot);
        slots.Attach(slot, chain, cells, state);
    }

    internal override int Cells(int slot) => slots.Cells(slot);

    internal override void Prepare(int slot, int cells) => slots.Prepare(slot, cells);

    internal override KvState Capture(int slot)
    {
        Check(nameof(Capture), slot);
        return slots.Capture(slot);
    }

    internal override void Empty(int slot)
    {
        Check(nameof(Empty), slot);
        slots.Empty(slot);
    }

    internal override void Reserve(int slot, int cells)
    {
        Check(nameof(Reserve), slot);
        slots.Reserve(slot, cells);
    }

    internal override void Remap(int slot, KvChain chain) => slots.Remap(slot, chain);

    internal override long ReleaseCompute()
    {
        Check(nameof(ReleaseCompute), 0);
        return slots.ReleaseCompute();
    }

    internal override void Drain() => slots.Drain();

    internal override void Trim(int slot)
    {
        Check(nameof(Trim), slot);
        slots.Trim(slot);
    }

    private void Check(string way, int slot)
    {
        if (fails(way, slot)) throw new InvalidOperationException($"{way} of slot {slot} fails: the test wants it.");
    }
}
