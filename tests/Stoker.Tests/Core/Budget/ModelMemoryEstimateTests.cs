using Stoker.Core.Budget;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Stoker.Tests.Core.Budget;

public sealed class ModelMemoryEstimateTests
{
    [Theory]
    [InlineData("0.5b", 65_536, 768)]
    [InlineData("7b", 65_536, 3584)]
    [InlineData("7b", 100, 14)]
    public void Of_PlainModels_HasTheCacheThatLlamaCppAllocates(string shape, int context, int mebibytes)
    {
        // 3584 MiB for 65 536 cells of the 7B shape is what was measured.
        Assert.Equal((long)mebibytes << 20, Estimate(shape, new ModelMemoryOptions { ContextTokens = context }).CacheBytes);
    }

    [Fact]
    public void Of_AQuantisedCache_IsSmaller()
    {
        var options = new ModelMemoryOptions { ContextTokens = 8192, KeyType = GgmlType.Q8_0, ValueType = GgmlType.Q8_0 };
        var full = Estimate("7b", options with { KeyType = GgmlType.F16, ValueType = GgmlType.F16 }).CacheBytes;
        Assert.Equal(full * 34 / 64, Estimate("7b", options).CacheBytes);
    }

    [Fact]
    public void Of_RepackedWeights_ArePrivateAndMappedOnesAreNot()
    {
        var options = new ModelMemoryOptions { ContextTokens = 4096 };
        var repacked = Estimate("7b", options);
        var mapped = Estimate("7b", options with { Repack = false });
        var read = Estimate("7b", options with { Repack = false, UseMmap = false });

        // All but the embedding (which rows are looked up in) and the vectors are matrices.
        Assert.InRange(repacked.CopiedWeightsBytes, 3_900_000_000, 4_000_000_000);
        Assert.InRange(repacked.MappedWeightsBytes, 300_000_000, 320_000_000);
        Assert.Equal(0, mapped.CopiedWeightsBytes);
        Assert.Equal(repacked.CopiedWeightsBytes + repacked.MappedWeightsBytes, mapped.MappedWeightsBytes);
        Assert.Equal(0, read.MappedWeightsBytes);
        Assert.Equal(mapped.MappedWeightsBytes, read.CopiedWeightsBytes);
    }

    [Fact]
    public void Of_ATiedOutput_CountsTheEmbeddingsRepackedCopy()
    {
        var options = new ModelMemoryOptions { ContextTokens = 4096 };
        var repacked = Estimate("0.5b", options);
        var mapped = Estimate("0.5b", options with { Repack = false });
        var embedding = 151_936L * 896 / 32 * 18;
        Assert.Equal(embedding, repacked.CopiedWeightsBytes + repacked.MappedWeightsBytes - mapped.MappedWeightsBytes);
    }

    [Fact]
    public void Of_Hybrids_CountAttentionLayersAndState()
    {
        var options = new ModelMemoryOptions { ContextTokens = 1024 };
        var attention = 1024L * 2 * (2 * 64) * 2;
        Assert.Equal((3 * attention) + (5 * 2 * 256 * 4), Estimate("lfm2t", options).CacheBytes);
        var granite = Estimate("granitet", options).CacheBytes;
        Assert.Equal((2 * attention) + (4 * 4 * ((512 * 64) + (3 * (512 + 128)))), granite);
        Assert.True(Estimate("granitet", options with { Slots = 2 }).CacheBytes > granite);
    }

    [Fact]
    public void Of_AHeaderThatLies_DoesNotOverflow()
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "x");
        writer.Set("x.block_count", uint.MaxValue);
        writer.Set("x.embedding_length", uint.MaxValue);
        writer.Set("x.attention.head_count", 1u);
        writer.Set("x.attention.head_count_kv", uint.MaxValue);
        writer.Set("x.attention.key_length", uint.MaxValue);
        writer.Set("x.vocab_size", uint.MaxValue);
        var estimate = ModelMemoryEstimate.Of(Read(writer), new ModelMemoryOptions { ContextTokens = int.MaxValue });
        Assert.True(estimate.TotalBytes > 1L << 50);
    }

    private static MemoryEstimate Estimate(string shape, ModelMemoryOptions options)
    {
        // Gigabytes of weights are counted and thrown away: the header is all that an estimate needs.
        using var stream = new HeadStream();
        RandomModel.Prepare(new RandomModelOptions { Shape = shape }).Write(stream);
        return ModelMemoryEstimate.Of(GgufModel.Join([GgufFile.Read(stream, "x.gguf")]), options);
    }

    private static GgufModel Read(GgufWriter writer)
    {
        using var stream = new MemoryStream();
        writer.Write(stream);
        return GgufModel.Join([GgufFile.Read(stream, "x.gguf")]);
    }

    /// <summary>Keeps the first 16 MiB and only counts what follows.</summary>
    private sealed class HeadStream : Stream
    {
        private readonly MemoryStream _head = new();
        private long _length;

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _head.Position; set => _head.Position = value; }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (_length < 16 << 20) _head.Write(buffer);
            _length += buffer.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => _head.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => _head.Seek(offset, origin);

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Flush() => _head.Flush();
    }
}
