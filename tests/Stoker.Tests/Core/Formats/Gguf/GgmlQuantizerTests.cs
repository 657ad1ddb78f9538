using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace Stoker.Tests.Core.Formats.Gguf;

public sealed class GgmlQuantizerTests
{
    [Theory]
    [InlineData(GgmlType.F32, 0)]
    [InlineData(GgmlType.F16, 0.0005)]
    [InlineData(GgmlType.BF16, 0.004)]
    [InlineData(GgmlType.Q8_0, 0.0045)]
    [InlineData(GgmlType.Q4_0, 0.13)]
    public void Dequantize_OfQuantized_IsNear(GgmlType type, double most)
    {
        var random = new Random(7);
        var values = Enumerable.Range(0, 1024).Select(_ => (float)((random.NextDouble() * 2) - 1)).ToArray();
        var bytes = new byte[GgmlTypes.SizeBytes(type, values.Length)];
        GgmlQuantizer.Quantize(type, values, bytes);
        var back = new float[values.Length];
        GgmlQuantizer.Dequantize(type, bytes, back);
        Assert.True(values.Zip(back, static (a, b) => Math.Abs(a - b)).Max() <= most);
    }

    [Fact]
    public void Quantize_Q4_LaysNibblesAsGgmlDoes()
    {
        // The furthest from zero is -8 and becomes step 0 with the scale 1; i and i + 16 share a byte.
        var values = Enumerable.Range(0, 32).Select(static i => (float)((i % 16) - 8)).ToArray();
        var bytes = new byte[18];
        GgmlQuantizer.Quantize(GgmlType.Q4_0, values, bytes);
        Assert.Equal([0x00, 0x3c], bytes[..2]);
        Assert.Equal(Enumerable.Range(0, 16).Select(static i => (byte)(i | (i << 4))), bytes[2..]);
    }

    [Fact]
    public void Quantize_Q8_LaysSignedBytesAfterTheScale()
    {
        var values = new float[32];
        values[0] = 127;
        values[1] = -127;
        values[2] = 0.5f;
        var bytes = new byte[34];
        GgmlQuantizer.Quantize(GgmlType.Q8_0, values, bytes);
        Assert.Equal([0x00, 0x3c, 127, 129, 1, 0], bytes[..6]);
    }

    [Theory]
    [InlineData(GgmlType.Q4_0)]
    [InlineData(GgmlType.Q8_0)]
    public void Quantize_Zeros_StayZero(GgmlType type)
    {
        var bytes = new byte[GgmlTypes.SizeBytes(type, 32)];
        GgmlQuantizer.Quantize(type, new float[32], bytes);
        var back = new float[32];
        GgmlQuantizer.Dequantize(type, bytes, back);
        Assert.All(back, static value => Assert.Equal(0, value));
    }

    [Fact]
    public void Quantize_ToAnotherType_IsRefused() => Assert.Equal(
        ErrorKind.Unsupported,
        Assert.Throws<StokerException>(() => GgmlQuantizer.Quantize(GgmlType.Q4_K, new float[256], new byte[144])).Kind);

    [Fact]
    public void SizeBytes_OfEveryKnownType_IsWholeBlocks()
    {
        foreach (var type in Enum.GetValues<GgmlType>())
        {
            Assert.Equal(GgmlTypes.BlockBytes(type) * 3, GgmlTypes.SizeBytes(type, 3L * GgmlTypes.BlockElements(type)));
            Assert.False(GgmlTypes.IsRemoved((int)type));
        }
        Assert.Throws<StokerException>(() => GgmlTypes.SizeBytes(GgmlType.Q4_0, 33));
        Assert.Throws<StokerException>(() => GgmlTypes.SizeBytes(GgmlType.F64, long.MaxValue));
    }
}
