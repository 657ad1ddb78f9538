using System.Diagnostics.CodeAnalysis;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>What a live context's caches look like: for mapping files under them, and for writing their state.</summary>
/// <param name="Layout">Of the files; region i is tensor <c>Tensors[i]</c>.</param>
/// <param name="Tensors">Index in <see cref="SlotMemory.Tensors"/>, by region.</param>
/// <param name="Caches">In the context's order.</param>
public sealed record KvShape(KvLayout Layout, IReadOnlyList<int> Tensors, IReadOnlyList<BlobCache> Caches)
{
    private const string KeyPrefix = "cache_k_l";

    /// <summary>Where layers may lie on a GPU: which cells are not in main memory, in words for people; null: all are. Pure.</summary>
    /// <param name="layers">That the model has.</param>
    /// <param name="isHybrid">Not all of them have cells.</param>
    public static string? WhyNotAllHere(IReadOnlyList<SlotTensor> tensors, int layers, bool isHybrid)
    {
        var here = tensors.Count(static tensor => tensor.Name.StartsWith(KeyPrefix, StringComparison.Ordinal));
        return here == layers ? null
            : isHybrid ? $"of {layers} layers {here} have KV in main memory: that of others may lie on the GPU"
            : $"KV of {layers - here} of {layers} layers lies on the GPU";
    }

    /// <summary>Reads the shape off the tensors. False: they are not what slots can be mapped under, with the reason. Pure.</summary>
    /// <param name="cellsPerSlot">Cells of each slot.</param>
    public static bool TryOf(
        IReadOnlyList<SlotTensor> tensors,
        int cellsPerSlot,
        int pageBytes,
        KvType keyType,
        KvType valueType,
        [NotNullWhen(true)] out KvShape? shape,
        [NotNullWhen(false)] out string? reason)
    {
        shape = null;
        reason = tensors.Count == 0 ? "the context has no KV cache in main memory (it lies on a GPU, or the model has none)"
            : tensors.FirstOrDefault(tensor => tensor.SlotBytes % cellsPerSlot != 0) is { } odd ? $"{odd.Name} has no whole rows for {cellsPerSlot} cells"
            : null;
        if (reason is not null) return false;

        var caches = new List<BlobCache>();
        var order = new List<int>();
        foreach (var cache in Enumerable.Range(0, tensors.Count).GroupBy(i => tensors[i].Cache).OrderBy(static group => group.Key))
        {
            var rows = cache.Select(i => (Tensor: i, RowBytes: (int)(tensors[i].SlotBytes / cellsPerSlot))).ToArray();
            var keys = rows.Where(row => tensors[row.Tensor].Name.StartsWith(KeyPrefix, StringComparison.Ordinal)).ToArray();
            var values = rows.Except(keys).ToArray();
            if (keys.Length != values.Length)
            {
                reason = $"it has {keys.Length} tensors of keys and {values.Length} of values (latent attention, or another kind of cache)";
                return false;
            }
            caches.Add(new BlobCache(keys, values, keyType, valueType));
            order.AddRange([.. keys.Select(static row => row.Tensor), .. values.Select(static row => row.Tensor)]);
        }
        var names = order.Select(i => ($"{tensors[i].Cache}:{tensors[i].Name}", (int)(tensors[i].SlotBytes / cellsPerSlot)));
        shape = new KvShape(KvLayout.Of(pageBytes, names), order, caches);
        return true;
    }
}
