using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>The context that slots ask of llama.cpp. Pure.</summary>
internal static class ContextShape
{
    // llama.cpp rounds a sequence's cells up to this.
    private const int CellMultiple = 256;

    // A multiple of cells whose rows fill whole pages for every row that is a multiple of 4 bytes (page 4096).
    private const int PagedCellMultiple = 1024;

    internal static ContextOptions Of(KvOptions options, bool pageRule)
    {
        var multiple = pageRule ? PagedCellMultiple : CellMultiple;
        var tokens = checked((options.ContextTokens + multiple - 1) / multiple * multiple);
        return new ContextOptions
        {
            ContextTokens = checked(tokens * options.Slots),
            MaxSequences = options.Slots,
            Threads = options.Threads,
            // One more token for each slot than a micro-batch, so that a prompt's chunk and everybody's next token fit in one call.
            BatchTokens = options.MicroBatch + options.Slots,
            MicroBatchTokens = options.MicroBatch,
            KeyType = options.KeyType,
            ValueType = options.ValueType,
            // Without it values lie transposed, and rows of absent cells are read.
            FlashAttention = FlashAttention.On,
        };
    }
}
