using Stoker.Engine.Kv;
using Stoker.Native.Llama;

namespace Stoker.Tests.Engine.Kv;

public sealed class KvShapeTests
{
    [Fact]
    public void TryOf_TwoCaches_OrdersKeysThenValuesCacheByCache()
    {
        SlotTensor[] tensors =
        [
            new("cache_k_l5", 0, 256 * 64), new("cache_v_l5", 0, 256 * 32),
            new("cache_k_l0", 1, 256 * 64), new("cache_v_l0", 1, 256 * 32), new("cache_k_l1", 1, 256 * 64), new("cache_v_l1", 1, 256 * 32),
        ];
        Assert.True(KvShape.TryOf(tensors, 256, 4096, KvType.F16, KvType.F16, out var shape, out _));
        Assert.Equal([0, 1, 2, 4, 3, 5], shape.Tensors);
        Assert.Equal(["0:cache_k_l5", "0:cache_v_l5", "1:cache_k_l0", "1:cache_k_l1", "1:cache_v_l0", "1:cache_v_l1"], shape.Layout.Regions.Select(static region => region.Name));
        Assert.Equal([64, 32, 64, 64, 32, 32], shape.Layout.Regions.Select(static region => region.RowBytes));
        Assert.All(shape.Layout.Regions, static region => Assert.Equal(0, region.FileOffset % 4096));
        Assert.Equal(2, shape.Caches[1].Keys.Count);
    }

    [Fact]
    public void TryOf_KeysWithoutValuesOrNothing_SaysWhy()
    {
        Assert.False(KvShape.TryOf([], 256, 4096, KvType.F16, KvType.F16, out _, out var nothing));
        Assert.Contains("GPU", nothing, StringComparison.Ordinal);
        Assert.False(KvShape.TryOf([new SlotTensor("cache_k_l0", 0, 256 * 64)], 256, 4096, KvType.F16, KvType.F16, out _, out var latent));
        Assert.Contains("latent", latent, StringComparison.Ordinal);
        Assert.False(KvShape.TryOf([new SlotTensor("cache_k_l0", 0, (256 * 64) + 1)], 256, 4096, KvType.F16, KvType.F16, out _, out var odd));
        Assert.Contains("cache_k_l0", odd, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(6, false, null)]
    [InlineData(4, false, "KV of 2 of 6 layers lies on the GPU")]
    [InlineData(0, false, "KV of 6 of 6 layers lies on the GPU")]
    [InlineData(2, true, "of 6 layers 2 have KV in main memory: that of others may lie on the GPU")]
    public void WhyNotAllHere_CountsTheLayers(int here, bool hybrid, string? expected)
    {
        var tensors = Enumerable.Range(0, here).SelectMany(static layer => new[] { new SlotTensor($"cache_k_l{layer}", 0, 64), new SlotTensor($"cache_v_l{layer}", 0, 64) }).ToArray();
        Assert.Equal(expected, KvShape.WhyNotAllHere(tensors, layers: 6, hybrid));
    }

    [Fact]
    public void StateBlob_ThreeCells_IsTheKnownForm()
    {
        var cache = new BlobCache([(0, 64)], [(1, 32)], KvType.F16, KvType.Q8);
        var blob = StateBlob.Of(slot: 1, slots: 3, cells: 3, [cache], new byte[] { 7, 8 });
        Assert.Equal([new StateRange(0, 1, 0, 192), new StateRange(1, 1, 0, 96)], blob.Ranges);
        // Before the keys: magic, slot; 3 streams, the first empty, 3 cells of 12 bytes; not transposed, 1 layer; type and row.
        var first = blob.Parts[0].Bytes;
        Assert.Equal(4 + 4 + 4 + 4 + 4 + 36 + 4 + 4 + 4 + 8, first.Length);
        Assert.Equal(new byte[] { 0xd8, 0x3c, 0x14, 0xaf, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 }, first[..33].ToArray());
        Assert.Equal(first.Length + 192, blob.Parts[1].At);
        // After the values: the third stream, empty, and what was given to follow.
        Assert.Equal(new byte[] { 0, 0, 0, 0, 7, 8 }, blob.Parts[2].Bytes.ToArray());
        Assert.Equal(blob.Parts[2].At + 6, blob.SizeBytes);
    }

    [Theory]
    [InlineData(RopeKind.NeoX, false, false, 0, false, null)]
    [InlineData(RopeKind.Normal, false, false, 512, false, null)]
    [InlineData(RopeKind.Normal, false, true, 0, false, null)]
    [InlineData(RopeKind.Multi, false, false, 0, false, "M-RoPE")]
    [InlineData(RopeKind.Interleaved, false, true, 0, false, "M-RoPE")]
    [InlineData(RopeKind.NeoX, false, false, 0, true, "MLA")]
    [InlineData(RopeKind.NeoX, true, false, 0, false, "recurrent")]
    [InlineData(RopeKind.NeoX, false, true, 512, false, "sliding window")]
    [InlineData(RopeKind.Normal, false, false, 8192, false, "in chunks", "llama4")]
    public void WhyNotInFiles_NamesWhatIsNotCovered(RopeKind rope, bool recurrent, bool hybrid, int window, bool latent, string? word, string architecture = "arch")
    {
        var reason = new ModelTraits(architecture, rope, recurrent, hybrid, window, latent).WhyNotInFiles();
        if (word is null) Assert.Null(reason);
        else Assert.Contains(word, reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 512, 512)]
    [InlineData(16_000, 512, 512)]
    [InlineData(20_000, 512, 384)]
    [InlineData(60_000, 512, 128)]
    [InlineData(1_000_000, 512, 128)]
    [InlineData(60_000, 64, 64)]
    public void TokensAtOnce_ByDepth(int depth, int microBatch, int expected) => Assert.Equal(expected, PrefillPlan.TokensAtOnce(depth, microBatch));
}
