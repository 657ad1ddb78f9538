using System.Buffers.Binary;
using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary>
/// Data of random tensors. Matrices have a standard deviation of 1 over the root of the hidden size, so that activations keep
/// their size; vectors get what their role needs for numbers to stay finite.
/// </summary>
internal sealed class RandomWeights
{
    // A prime, so that rows of different tensors do not line up with the tile.
    private const int TileBlocks = 499_979;
    private const int FloatsAtOnce = 4096;

    private readonly RandomModelOptions _options;
    private readonly double _deviation;
    private readonly Lazy<byte[]> _tile;
    private int _tensors;

    public RandomWeights(int hidden, RandomModelOptions options)
    {
        _options = options;
        _deviation = 1 / Math.Sqrt(hidden);
        _tile = new Lazy<byte[]>(MakeTile);
    }

    public GgufTensorSource Source(string name, long[] dimensions, bool isMatrix)
    {
        var number = ++_tensors;
        var elements = dimensions.Aggregate(1L, static (product, extent) => product * extent);
        if (!isMatrix) return new GgufTensorSource(name, GgmlType.F32, dimensions, stream => WriteVector(stream, name, (int)elements, number));
        var bytes = GgmlTypes.SizeBytes(_options.Type, elements);
        return new GgufTensorSource(name, _options.Type, dimensions, stream => WriteTiled(stream, bytes, number));
    }

    private void WriteTiled(Stream stream, long bytes, int number)
    {
        var tile = _tile.Value;
        var from = (int)((long)number * 7919 % (tile.Length / BlockBytes)) * BlockBytes;
        while (bytes > 0)
        {
            var count = (int)Math.Min(bytes, tile.Length - from);
            stream.Write(tile.AsSpan(from, count));
            bytes -= count;
            from = 0;
        }
    }

    private int BlockBytes => GgmlTypes.BlockBytes(_options.Type);

    private byte[] MakeTile()
    {
        var random = new SplitMix(unchecked((ulong)_options.Seed));
        var tile = new byte[TileBlocks * BlockBytes];
        random.Fill(tile);
        switch (_options.Type)
        {
            // Random bytes are random quants already; only the scales are set. A uniform nibble deviates by 4.6, a byte by 74.
            case GgmlType.Q4_0:
                SetScales(tile, _deviation / 4.6);
                break;
            case GgmlType.Q8_0:
                SetScales(tile, _deviation / 74);
                break;
            case GgmlType.F16:
                for (var i = 0; i < TileBlocks; i++) BinaryPrimitives.WriteHalfLittleEndian(tile.AsSpan(2 * i), (Half)Uniform(ref random));
                break;
            default:
                for (var i = 0; i < TileBlocks; i++) BinaryPrimitives.WriteSingleLittleEndian(tile.AsSpan(4 * i), Uniform(ref random));
                break;
        }
        return tile;
    }

    private void SetScales(byte[] tile, double scale)
    {
        for (var at = 0; at < tile.Length; at += BlockBytes) BinaryPrimitives.WriteHalfLittleEndian(tile.AsSpan(at), (Half)scale);
    }

    /// <summary>Uniform with the wanted deviation: half its width is the root of three times as much.</summary>
    private float Uniform(ref SplitMix random) => (float)((random.NextDouble() - 0.5) * 2 * Math.Sqrt(3) * _deviation);

    private void WriteVector(Stream stream, string name, int elements, int number)
    {
        var random = new SplitMix(unchecked((ulong)_options.Seed * 1_000_003 + (ulong)number));
        Span<byte> bytes = stackalloc byte[4 * Math.Min(elements, FloatsAtOnce)];
        for (var done = 0; done < elements;)
        {
            var count = Math.Min(elements - done, FloatsAtOnce);
            for (var i = 0; i < count; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes[(4 * i)..], Element(name, ref random));
            stream.Write(bytes[..(4 * count)]);
            done += count;
        }
    }

    private float Element(string name, ref SplitMix random)
    {
        if (name.EndsWith(".attn_norm.weight", StringComparison.Ordinal)) return _options.NormScale;
        if (name.Contains("norm", StringComparison.Ordinal)) return 1;
        if (name.Contains("conv", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal)) return Between(ref random, -0.6, 0.6);
        if (name.EndsWith("ffn_gate_inp.weight", StringComparison.Ordinal)) return Between(ref random, -0.1, 0.1);
        if (name.EndsWith("ssm_a", StringComparison.Ordinal)) return Between(ref random, -2, -0.3);
        if (name.EndsWith("ssm_d", StringComparison.Ordinal)) return Between(ref random, 0.5, 1);
        if (name.EndsWith("ssm_dt.bias", StringComparison.Ordinal)) return Between(ref random, -2, 0);
        return 0;
    }

    private static float Between(ref SplitMix random, double least, double most) => (float)(least + (random.NextDouble() * (most - least)));
}
