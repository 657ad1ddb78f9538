using Stoker.Core.Budget;
using Stoker.Core.Formats.Gguf;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine;

/// <summary>How many slots a model gets, and what it will take. Pure.</summary>
/// <param name="Slots">Conversations side by side.</param>
/// <param name="SlotsInMemory">So many where cells turn out to lie in memory.</param>
/// <param name="Estimate">What is reserved for it.</param>
/// <param name="EstimateInMemory">What it takes where cells lie in memory.</param>
internal sealed record RoomPlan(int Slots, int SlotsInMemory, MemoryEstimate Estimate, MemoryEstimate EstimateInMemory)
{
    /// <summary>Side by side, when nobody says: enough for a household; cells in files cost nothing until they are filled.</summary>
    internal const int DefaultSlots = 4;

    /// <summary>Caches in memory take no more than this share of what is free, when nobody says how many slots.</summary>
    private const int CacheShare = 4;

    internal static RoomPlan Of(GgufModel model, LoadOptions options, bool hasFolder, long freeBytes)
    {
        var trained = (int)Math.Clamp(model.Metadata.ContextLength ?? 0, 0, int.MaxValue);
        var type = (GgmlType)(int)(options.KvType ?? KvType.F16);
        MemoryEstimate EstimateOf(int slots, bool inFiles) => ModelMemoryEstimate.Of(model, new ModelMemoryOptions
        {
            ContextTokens = RunnerModel.ContextTokens(options.ContextTokens, trained),
            Slots = slots,
            CacheInFiles = inFiles,
            KeyType = type,
            ValueType = type,
            Repack = options.Repack ?? true,
            MicroBatchTokens = RunnerModel.MicroBatchTokens,
        });
        var inFiles = hasFolder && options.Kv != KvMode.Ram;
        var inMemory = options.Parallel ?? Fitting(EstimateOf(1, inFiles: false).CacheBytes, freeBytes);
        var slots = inFiles ? options.Parallel ?? DefaultSlots : inMemory;
        return new RoomPlan(slots, inMemory, EstimateOf(slots, inFiles), EstimateOf(inMemory, inFiles: false));
    }

    /// <summary>What it really takes, once it is loaded.</summary>
    internal MemoryEstimate Actual(LoadedReport report) => report.KvMode == KvMode.Ssd ? Estimate : EstimateInMemory;

    private static int Fitting(long cacheBytes, long freeBytes)
    {
        var slots = DefaultSlots;
        while (slots > 1 && slots * cacheBytes > freeBytes / CacheShare) slots /= 2;
        return slots;
    }
}
