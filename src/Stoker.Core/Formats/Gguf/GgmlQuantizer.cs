using System.Buffers.Binary;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Between 32-bit floats and the block layouts that the tools write: F32, F16, BF16, Q8_0 and Q4_0 (ggml-quants.c: the
/// reference quantisers, so that files equal those of llama.cpp's own converter).
/// </summary>
public static class GgmlQuantizer
{
    private const int BlockElements = 32;

    public static bool CanQuantize(GgmlType type) => type is GgmlType.F32 or GgmlType.F16 or GgmlType.BF16 or GgmlType.Q8_0 or GgmlType.Q4_0;

    /// <param name="type">One that <see cref="CanQuantize"/> knows.</param>
    /// <param name="values">Whole blocks.</param>
    /// <param name="bytes">Exactly <see cref="GgmlTypes.SizeBytes"/> of them.</param>
    public static void Quantize(GgmlType type, ReadOnlySpan<float> values, Span<byte> bytes)
    {
        CheckLengths(type, values.Length, bytes.Length);
        switch (type)
        {
            case GgmlType.F32:
                for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes[(4 * i)..], values[i]);
                break;
            case GgmlType.F16:
                for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteHalfLittleEndian(bytes[(2 * i)..], (Half)values[i]);
                break;
            case GgmlType.BF16:
                for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt16LittleEndian(bytes[(2 * i)..], ToBrainFloat(values[i]));
                break;
            case GgmlType.Q8_0:
                for (var i = 0; i < values.Length / BlockElements; i++) QuantizeQ8(values.Slice(i * BlockElements, BlockElements), bytes.Slice(i * 34, 34));
                break;
            default:
                for (var i = 0; i < values.Length / BlockElements; i++) QuantizeQ4(values.Slice(i * BlockElements, BlockElements), bytes.Slice(i * 18, 18));
                break;
        }
    }

    /// <summary>The way back, with the loss that the type has.</summary>
    public static void Dequantize(GgmlType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        CheckLengths(type, values.Length, bytes.Length);
        switch (type)
        {
            case GgmlType.F32:
                for (var i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]);
                break;
            case GgmlType.F16:
                for (var i = 0; i < values.Length; i++) values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(2 * i)..]);
                break;
            case GgmlType.BF16:
                for (var i = 0; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]) << 16);
                break;
            case GgmlType.Q8_0:
                for (var i = 0; i < values.Length; i++)
                {
                    var block = bytes.Slice(i / BlockElements * 34, 34);
                    values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(block) * unchecked((sbyte)block[2 + (i % BlockElements)]);
                }
                break;
            default:
                for (var i = 0; i < values.Length; i++)
                {
                    var block = bytes.Slice(i / BlockElements * 18, 18);
                    var packed = block[2 + (i % 16)];
                    var nibble = i % BlockElements < 16 ? packed & 15 : packed >> 4;
                    values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(block) * (nibble - 8);
                }
                break;
        }
    }

    /// <summary>A half as scale, then 32 signed bytes.</summary>
    private static void QuantizeQ8(ReadOnlySpan<float> values, Span<byte> block)
    {
        var largest = 0f;
        foreach (var value in values) largest = MathF.Max(largest, MathF.Abs(value));
        var scale = largest / 127f;
        var inverse = scale == 0 ? 0 : 1f / scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        for (var i = 0; i < values.Length; i++)
        {
            block[2 + i] = unchecked((byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero));
        }
    }

    /// <summary>A half as scale, then 16 bytes: element i in the low four bits, element i + 16 in the high ones, each plus 8.</summary>
    private static void QuantizeQ4(ReadOnlySpan<float> values, Span<byte> block)
    {
        var furthest = 0f;
        foreach (var value in values)
        {
            if (MathF.Abs(value) > MathF.Abs(furthest)) furthest = value;
        }
        // The element furthest from zero becomes -8, the end of the range that has one more step.
        var scale = furthest / -8f;
        var inverse = scale == 0 ? 0 : 1f / scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        for (var i = 0; i < 16; i++)
        {
            block[2 + i] = (byte)(Nibble(values[i] * inverse) | (Nibble(values[i + 16] * inverse) << 4));
        }

        static int Nibble(float step) => Math.Min(15, (int)(step + 8.5f));
    }

    /// <summary>The upper half of the bits, rounded to nearest even; NaN stays NaN.</summary>
    private static ushort ToBrainFloat(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 64);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    private static void CheckLengths(GgmlType type, int elements, int bytes)
    {
        if (!CanQuantize(type)) throw new StokerException(ErrorKind.Unsupported, $"Stoker does not quantise to {type}: choose F32, F16, BF16, Q8_0 or Q4_0.");
        if (GgmlTypes.SizeBytes(type, elements) != bytes) throw new ArgumentException($"{elements} elements of {type} do not have {bytes} bytes.", nameof(bytes));
    }
}
