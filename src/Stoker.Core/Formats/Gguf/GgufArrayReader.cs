using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>Elements of arrays that stayed in the file, one after the other.</summary>
public static class GgufArrayReader
{
    /// <summary>The strings of an array. The stream is the file whose header was read; it must not be used otherwise meanwhile.</summary>
    public static IEnumerable<string> ReadTexts(Stream stream, GgufArray array)
    {
        if (array.ElementType != GgufValueType.String) throw new ArgumentException($"An array of {array.ElementType} has no strings.", nameof(array));
        var cursor = CursorAt(stream, array);
        for (var i = 0L; i < array.Count; i++) yield return cursor.ReadText("an element", GgufLimits.TextBytes);
    }

    /// <summary>The numbers of an array of integers, truth values or floats.</summary>
    public static IEnumerable<double> ReadNumbers(Stream stream, GgufArray array)
    {
        var cursor = CursorAt(stream, array);
        for (var i = 0L; i < array.Count; i++)
        {
            yield return array.ElementType switch
            {
                GgufValueType.UInt8 or GgufValueType.Bool => cursor.ReadByte("an element"),
                GgufValueType.Int8 => unchecked((sbyte)cursor.ReadByte("an element")),
                GgufValueType.UInt16 => cursor.ReadUInt16("an element"),
                GgufValueType.Int16 => unchecked((short)cursor.ReadUInt16("an element")),
                GgufValueType.UInt32 => cursor.ReadUInt32("an element"),
                GgufValueType.Int32 => unchecked((int)cursor.ReadUInt32("an element")),
                GgufValueType.Float32 => BitConverter.UInt32BitsToSingle(cursor.ReadUInt32("an element")),
                GgufValueType.UInt64 => cursor.ReadUInt64("an element"),
                GgufValueType.Int64 => unchecked((long)cursor.ReadUInt64("an element")),
                GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(cursor.ReadUInt64("an element")),
                _ => throw new ArgumentException($"An array of {array.ElementType} has no numbers.", nameof(array)),
            };
        }
    }

    private static GgufCursor CursorAt(Stream stream, GgufArray array)
    {
        var end = array.PositionBytes + array.SizeBytes;
        if (stream.Length < end) throw new StokerException(ErrorKind.Corrupt, "The file is shorter than when its header was read.");
        stream.Position = array.PositionBytes;
        return new GgufCursor(stream, "the model file", array.PositionBytes, end);
    }
}
