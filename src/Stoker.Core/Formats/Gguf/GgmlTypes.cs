using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>How many elements a block of each type holds and how many bytes it takes (block structs in ggml-common.h).</summary>
public static class GgmlTypes
{
    /// <summary>Numbers that once were types and that llama.cpp no longer reads.</summary>
    private static readonly HashSet<int> Removed = [4, 5, 31, 32, 33, 36, 37, 38];

    /// <summary>True when the number is a type that can be read.</summary>
    public static bool IsKnown(int number) => Layout(number) is not null;

    /// <summary>True for a type that llama.cpp dropped: such files must be converted anew.</summary>
    public static bool IsRemoved(int number) => Removed.Contains(number);

    /// <summary>Elements in one block; a row holds whole blocks.</summary>
    public static int BlockElements(GgmlType type) => Known(type).Elements;

    /// <summary>Bytes of one block.</summary>
    public static int BlockBytes(GgmlType type) => Known(type).Bytes;

    /// <summary>Bytes of that many elements.</summary>
    /// <exception cref="StokerException">InvalidInput: not whole blocks, negative, or more than 2^63 bytes.</exception>
    public static long SizeBytes(GgmlType type, long elements)
    {
        var (blockElements, blockBytes) = Known(type);
        if (elements < 0 || elements % blockElements != 0)
            throw new StokerException(ErrorKind.InvalidInput, $"{elements} elements are not whole blocks of {type} ({blockElements} elements each).");
        var bytes = (Int128)(elements / blockElements) * blockBytes;
        if (bytes > long.MaxValue) throw new StokerException(ErrorKind.InvalidInput, $"{elements} elements of {type} are too many bytes.");
        return (long)bytes;
    }

    private static (int Elements, int Bytes) Known(GgmlType type) =>
        Layout((int)type) ?? throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of ggml.");

    private static (int Elements, int Bytes)? Layout(int number) => (GgmlType)number switch
    {
        GgmlType.F32 or GgmlType.I32 => (1, 4),
        GgmlType.F16 or GgmlType.BF16 or GgmlType.I16 => (1, 2),
        GgmlType.I8 => (1, 1),
        GgmlType.F64 or GgmlType.I64 => (1, 8),
        GgmlType.Q4_0 or GgmlType.IQ4_NL => (32, 18),
        GgmlType.Q4_1 => (32, 20),
        GgmlType.Q5_0 => (32, 22),
        GgmlType.Q5_1 => (32, 24),
        GgmlType.Q8_0 => (32, 34),
        GgmlType.Q8_1 => (32, 36),
        GgmlType.MXFP4 => (32, 17),
        GgmlType.NVFP4 => (64, 36),
        GgmlType.Q2_0 => (64, 18),
        GgmlType.Q1_0 => (128, 18),
        GgmlType.Q2_K => (256, 84),
        GgmlType.Q3_K => (256, 110),
        GgmlType.Q4_K => (256, 144),
        GgmlType.Q5_K => (256, 176),
        GgmlType.Q6_K => (256, 210),
        GgmlType.Q8_K => (256, 292),
        GgmlType.IQ1_S => (256, 50),
        GgmlType.IQ1_M => (256, 56),
        GgmlType.IQ2_XXS => (256, 66),
        GgmlType.IQ2_XS => (256, 74),
        GgmlType.IQ2_S => (256, 82),
        GgmlType.IQ3_XXS => (256, 98),
        GgmlType.IQ3_S => (256, 110),
        GgmlType.IQ4_XS => (256, 136),
        GgmlType.TQ1_0 => (256, 54),
        GgmlType.TQ2_0 => (256, 66),
        _ => null,
    };
}
