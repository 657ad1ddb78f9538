using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>The context that slots ask of llama.cpp. Pure.</summary>
internal static class ContextShape
{
    // llama.cpp rounds a sequence's cells up to this.
    private const int CellMultiple = 256;

    // Rows of quantised types are odd multiples of small blocks: so many of any row fill whole pages of 4 KiB.
    private const int QuantisedCellMultiple = 4096;

    internal static ContextOptions InMemory(KvOptions options) => Of(options, CellMultiple);

    internal static ContextOptions InFiles(KvOptions options) =>
        Of(options, IsQuantised(options.KeyType) || IsQuantised(options.ValueType) ? QuantisedCellMultiple : CellMultiple) with { TakeMemory = true };

    private static bool IsQuantised(KvType type) => type is not (KvType.F32 or KvType.F16 or KvType.BF16);

    private static ContextOptions Of(KvOptions options, int multiple) => new()
    {
        ContextTokens = checked((options.ContextTokens + multiple - 1) / multiple * multiple * options.Slots),
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
