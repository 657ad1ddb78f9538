using System.Diagnostics.CodeAnalysis;

namespace Stoker.Core.Formats.Safetensors;

/// <summary>Sizes of the element types (the safetensors crate's <c>Dtype</c>). Some are smaller than a byte: sizes are in bits.</summary>
public static class SafetensorsTypes
{
    public static int Bits(SafetensorsType type) => type switch
    {
        SafetensorsType.F4 => 4,
        SafetensorsType.F6_E2M3 or SafetensorsType.F6_E3M2 => 6,
        SafetensorsType.BOOL or SafetensorsType.U8 or SafetensorsType.I8
            or SafetensorsType.F8_E4M3 or SafetensorsType.F8_E5M2 or SafetensorsType.F8_E8M0 => 8,
        SafetensorsType.U16 or SafetensorsType.I16 or SafetensorsType.F16 or SafetensorsType.BF16 => 16,
        SafetensorsType.U32 or SafetensorsType.I32 or SafetensorsType.F32 => 32,
        SafetensorsType.U64 or SafetensorsType.I64 or SafetensorsType.F64 or SafetensorsType.C64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of safetensors."),
    };

    /// <summary>Exactly the names in the enum; nothing else, no number.</summary>
    public static bool TryParse(string? name, [NotNullWhen(true)] out SafetensorsType? type)
    {
        type = null;
        if (name is not { Length: > 0 } || !char.IsAsciiLetterUpper(name[0]) || name.Contains(',', StringComparison.Ordinal)) return false;
        if (!Enum.TryParse<SafetensorsType>(name, ignoreCase: false, out var parsed)) return false;
        type = parsed;
        return true;
    }
}
