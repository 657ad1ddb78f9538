using System.Globalization;

namespace Stoker.Core.Formats.Gguf;

/// <summary>One metadata value with the type it has in the file. Immutable.</summary>
public sealed class GgufValue
{
    private readonly ulong _bits;
    private readonly string? _text;

    private GgufValue(GgufValueType type, ulong bits, string? text = null, GgufArray? array = null)
    {
        Type = type;
        _bits = bits;
        _text = text;
        Array = array;
    }

    public GgufValueType Type { get; }

    /// <summary>The array, or null when it is none.</summary>
    public GgufArray? Array { get; }

    /// <summary>The string, or null when it is none.</summary>
    public string? Text => _text;

    /// <summary>The truth value, or null when it is none.</summary>
    public bool? Flag => Type == GgufValueType.Bool ? _bits != 0 : null;

    /// <summary>Any integer type, when it fits; null for everything else.</summary>
    public long? Integer => Type switch
    {
        GgufValueType.UInt8 or GgufValueType.UInt16 or GgufValueType.UInt32 => (long)_bits,
        GgufValueType.Int8 or GgufValueType.Int16 or GgufValueType.Int32 or GgufValueType.Int64 => unchecked((long)_bits),
        GgufValueType.UInt64 when _bits <= long.MaxValue => (long)_bits,
        _ => null,
    };

    /// <summary>Either float type; null for everything else.</summary>
    public double? Number => Type switch
    {
        GgufValueType.Float32 => BitConverter.UInt32BitsToSingle((uint)_bits),
        GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(_bits),
        _ => null,
    };

    internal static GgufValue OfBits(GgufValueType type, ulong bits) => new(type, bits);

    internal static GgufValue OfText(string text) => new(GgufValueType.String, 0, text);

    internal static GgufValue OfArray(GgufArray array) => new(GgufValueType.Array, 0, null, array);

    /// <summary>For people: numbers in full, arrays as their type and length.</summary>
    public override string ToString() => Type switch
    {
        GgufValueType.String => _text!,
        GgufValueType.Array => $"{Array!.ElementType}[{Array.Count}]",
        GgufValueType.Bool => Flag == true ? "true" : "false",
        GgufValueType.Float32 => ((float)Number!.Value).ToString("R", CultureInfo.InvariantCulture),
        GgufValueType.Float64 => Number!.Value.ToString("R", CultureInfo.InvariantCulture),
        GgufValueType.UInt64 => _bits.ToString(CultureInfo.InvariantCulture),
        _ => Integer!.Value.ToString(CultureInfo.InvariantCulture),
    };
}
