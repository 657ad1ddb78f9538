using Stoker.Engine.Sessions;

namespace Stoker.Engine.Kv;

/// <summary>How conversations enter and leave slots. The arguments have been checked by <see cref="KvContext"/>.</summary>
internal abstract class KvSlots : IDisposable
{
    internal virtual KvLayout? Layout => null;

    internal abstract void Attach(int slot, KvChain? chain, int cells, ReadOnlyMemory<byte> state);

    /// <summary>Of the conversation in the slot; 0: it is empty.</summary>
    internal abstract int Cells(int slot);

    internal virtual void Prepare(int slot, int cells)
    {
    }

    internal abstract KvState Capture(int slot);

    internal abstract void Empty(int slot);

    internal virtual void Reserve(int slot, int cells)
    {
    }

    internal virtual void Remap(int slot, KvChain chain)
    {
    }

    internal virtual long ReleaseCompute() => 0;

    internal virtual void Drain()
    {
    }

    internal virtual void Trim(int slot)
    {
    }

    public virtual void Dispose()
    {
    }
}
