using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>Cells in memory: a conversation comes and goes by copying its whole state.</summary>
internal sealed class RamSlots(LlamaContext context, KvOptions options) : KvSlots
{
    // Keys and values of full attention, those of a sliding window beside them.
    private int Caches => context.Model.IsRecurrent && !context.Model.IsHybrid ? 0 : context.Model.WindowTokens > 0 ? 2 : 1;

    internal override void Attach(int slot, KvChain? chain, int cells, ReadOnlyMemory<byte> state)
    {
        Empty(slot);
        if (cells == 0) return;
        try
        {
            context.PutState(slot, StreamCount.Change(state, options.Slots, Caches).Span);
        }
        catch (LlamaException error)
        {
            throw new StokerException(ErrorKind.Corrupt, $"The conversation's state cannot be restored: {error.Message}", error);
        }
        var found = Cells(slot);
        if (found == cells) return;
        Empty(slot);
        throw new StokerException(ErrorKind.Corrupt, $"The conversation's state holds {found} tokens instead of {cells}.");
    }

    internal override int Cells(int slot) => context.LastPosition(slot) + 1;

    internal override KvState Capture(int slot)
    {
        var cells = Cells(slot);
        if (cells == 0) return new KvState(0, []);
        var bytes = context.StateBytes(slot);
        if (bytes > options.MostStateBytes)
            throw new StokerException(ErrorKind.TooLarge, $"The conversation's {bytes >> 20} MiB of KV cannot be copied out of memory: keep the cache in files (--kv ssd).");
        return new KvState(cells, context.CopyState(slot));
    }

    internal override void Empty(int slot) => _ = context.TryTruncate(slot, 0);
}
