using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Parses a GGUF header (version 2 or 3, little endian; github.com/ggml-org/ggml docs/gguf.md) and accepts or refuses it as a
/// whole. It refuses what libllama would refuse, and what would make it abort, before libllama sees the file.
/// </summary>
internal sealed class GgufReader
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const uint MagicBigEndian = 0x47475546;
    private const int DefaultAlignmentBytes = 32;
    private const string ConvertAnew = "Convert the model anew with a current llama.cpp, or use another file.";

    private readonly GgufCursor _cursor;
    private long _textBytes;

    private GgufReader(GgufCursor cursor) => _cursor = cursor;

    /// <param name="stream">Seekable; read from its beginning.</param>
    /// <param name="path">For messages, and kept in the result.</param>
    public static GgufFile Read(Stream stream, string path)
    {
        var lengthBytes = stream.Length;
        stream.Position = 0;
        var cursor = new GgufCursor(stream, Printable.Short(Path.GetFileName(path)), 0, lengthBytes);
        return new GgufReader(cursor).ReadFile(path);
    }

    private GgufFile ReadFile(string path)
    {
        var version = ReadVersion();
        var tensorCount = _cursor.ReadCount("the number of tensors", GgufLimits.Tensors, leastBytesEach: 8 + 1 + 4 + 8 + 4 + 8);
        var keyCount = _cursor.ReadCount("the number of metadata keys", GgufLimits.Keys, leastBytesEach: 8 + 1 + 4 + 1);
        var values = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        var tokens = new GgufTokenizerCheck();
        for (var i = 0L; i < keyCount; i++)
        {
            var at = _cursor.PositionBytes;
            var key = _cursor.ReadName($"metadata key {i}", GgufLimits.KeyBytes);
            var value = ReadValue(key, tokens);
            if (!values.TryAdd(key, value)) throw _cursor.Bad(at, $"metadata key '{Printable.Short(key)}' appears twice");
        }
        tokens.Check(values, _cursor);
        var alignment = AlignmentOf(values);
        var tensors = ReadTensors((int)tensorCount, alignment, out var dataBytes);
        return new GgufFile(path, _cursor.LengthBytes, version, alignment, dataBytes, new GgufMetadata(values), tensors);
    }

    private int ReadVersion()
    {
        var magic = _cursor.ReadUInt32("the magic");
        if (magic == MagicBigEndian) throw _cursor.Unsupported(0, "the file is big-endian GGUF", ConvertAnew);
        if (magic != Magic) throw _cursor.Bad(0, "it does not begin with 'GGUF'");
        var version = _cursor.ReadUInt32("the version");
        if (version == 1) throw _cursor.Unsupported(4, "GGUF version 1 is no longer read", ConvertAnew);
        if (version != 0 && (version & 0xffff) == 0) throw _cursor.Unsupported(4, "the file is big-endian GGUF", ConvertAnew);
        if (version == 0) throw _cursor.Bad(4, "GGUF version 0 does not exist");
        if (version > 3) throw _cursor.Unsupported(4, $"GGUF version {version} is newer than 3", "A newer Stoker may read it.");
        return (int)version;
    }

    private GgufValue ReadValue(string key, GgufTokenizerCheck tokens)
    {
        var at = _cursor.PositionBytes;
        var type = (GgufValueType)_cursor.ReadUInt32($"the type of '{Printable.Short(key)}'");
        switch (type)
        {
            case GgufValueType.String:
                return GgufValue.OfText(ReadKeptText(key));
            case GgufValueType.Array:
                return GgufValue.OfArray(ReadArray(key, tokens));
            case GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.UInt16 or GgufValueType.Int16
                or GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.UInt64 or GgufValueType.Int64
                or GgufValueType.Float32 or GgufValueType.Float64 or GgufValueType.Bool:
                return GgufValue.OfBits(type, ReadBits(type, key));
            default:
                throw _cursor.Bad(at, $"metadata key '{Printable.Short(key)}' has the unknown type {(int)type}");
        }
    }

    private string ReadKeptText(string key)
    {
        var at = _cursor.PositionBytes;
        var text = _cursor.ReadText($"the text of '{Printable.Short(key)}'", GgufLimits.TextBytes);
        _textBytes += _cursor.PositionBytes - at;
        if (_textBytes > GgufLimits.AllTextBytes)
            throw _cursor.Bad(at, $"its texts take more than {GgufLimits.AllTextBytes >> 20} MiB");
        return text;
    }

    private ulong ReadBits(GgufValueType type, string key)
    {
        var at = _cursor.PositionBytes;
        // Signed integers are extended, so that Integer needs no type again.
        switch (type)
        {
            case GgufValueType.UInt8:
                return _cursor.ReadByte(key);
            case GgufValueType.Int8:
                return unchecked((ulong)(sbyte)_cursor.ReadByte(key));
            case GgufValueType.UInt16:
                return _cursor.ReadUInt16(key);
            case GgufValueType.Int16:
                return unchecked((ulong)(short)_cursor.ReadUInt16(key));
            case GgufValueType.UInt32 or GgufValueType.Float32:
                return _cursor.ReadUInt32(key);
            case GgufValueType.Int32:
                return unchecked((ulong)(int)_cursor.ReadUInt32(key));
            case GgufValueType.Bool:
                var flag = _cursor.ReadByte(key);
                return flag <= 1 ? flag : throw _cursor.Bad(at, $"a truth value of '{Printable.Short(key)}' is {flag}, neither 0 nor 1");
            default:
                return _cursor.ReadUInt64(key);
        }
    }

    private GgufArray ReadArray(string key, GgufTokenizerCheck tokens)
    {
        var shown = Printable.Short(key);
        var at = _cursor.PositionBytes;
        var type = (GgufValueType)_cursor.ReadUInt32($"the element type of '{shown}'");
        if (type == GgufValueType.Array)
            throw _cursor.Unsupported(at, $"metadata key '{shown}' is an array of arrays, which llama.cpp does not read", ConvertAnew);
        var elementBytes = ElementBytes(type);
        if (elementBytes == 0) throw _cursor.Bad(at, $"the elements of '{shown}' have the unknown type {(int)type}");
        var count = _cursor.ReadCount($"the length of '{shown}'", long.MaxValue, elementBytes);
        var start = _cursor.PositionBytes;
        IReadOnlyList<long>? integers = null;
        if (type == GgufValueType.String)
        {
            tokens.ReadTexts(_cursor, key, count);
        }
        else if (count <= GgufArray.KeptElements && type is not (GgufValueType.Float32 or GgufValueType.Float64))
        {
            integers = ReadIntegers(type, (int)count, key);
        }
        else
        {
            _cursor.Skip(count * elementBytes, $"the elements of '{shown}'");
        }
        return new GgufArray(type, count, start, _cursor.PositionBytes - start) { Integers = integers };
    }

    private long[] ReadIntegers(GgufValueType type, int count, string key)
    {
        var integers = new long[count];
        for (var i = 0; i < count; i++) integers[i] = unchecked((long)ReadBits(type, key));
        return integers;
    }

    /// <summary>Least bytes of an element (a string: its length), 0 for an unknown type.</summary>
    internal static int ElementBytes(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 or GgufValueType.String => 8,
        _ => 0,
    };

    private int AlignmentOf(Dictionary<string, GgufValue> values)
    {
        if (!values.TryGetValue(GgufKeys.Alignment, out var value)) return DefaultAlignmentBytes;
        var at = _cursor.PositionBytes;
        if (value.Type != GgufValueType.UInt32) throw _cursor.Bad(at, $"{GgufKeys.Alignment} is {value.Type}, not UInt32");
        var alignment = value.Integer!.Value;
        if (alignment <= 0 || alignment > GgufLimits.AlignmentBytes || !long.IsPow2(alignment))
            throw _cursor.Bad(at, $"{GgufKeys.Alignment} is {alignment}, not a power of two up to {GgufLimits.AlignmentBytes}");
        return (int)alignment;
    }

    private GgufTensor[] ReadTensors(int count, int alignment, out long dataBytes)
    {
        var entries = new List<(GgufTensor Tensor, long At)>(count);
        var names = new HashSet<string>(count, StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var at = _cursor.PositionBytes;
            var name = _cursor.ReadName($"the name of tensor {i}", GgufLimits.TensorNameBytes);
            if (!names.Add(name)) throw _cursor.Bad(at, $"tensor '{Printable.Short(name)}' appears twice");
            entries.Add((ReadTensor(name), at));
        }
        dataBytes = Padded(_cursor.PositionBytes, alignment);
        if (count > 0 && dataBytes > _cursor.LengthBytes)
            throw _cursor.Bad(_cursor.PositionBytes, "the file ends before the tensors' data");
        return PlaceTensors(entries, alignment, dataBytes);
    }

    private GgufTensor ReadTensor(string name)
    {
        var shown = Printable.Short(name);
        var at = _cursor.PositionBytes;
        var dimensionCount = _cursor.ReadUInt32($"the dimensions of tensor '{shown}'");
        if (dimensionCount is 0 or > GgufLimits.Dimensions)
            throw _cursor.Bad(at, $"tensor '{shown}' has {dimensionCount} dimensions, not 1 to {GgufLimits.Dimensions}");
        var dimensions = new long[dimensionCount];
        var elements = (UInt128)1;
        for (var i = 0; i < dimensionCount; i++)
        {
            at = _cursor.PositionBytes;
            var extent = _cursor.ReadUInt64($"the dimensions of tensor '{shown}'");
            if (extent is 0 or > long.MaxValue) throw _cursor.Bad(at, $"dimension {i} of tensor '{shown}' is {extent}");
            dimensions[i] = (long)extent;
            elements *= extent;
            if (elements > long.MaxValue) throw _cursor.Bad(at, $"the dimensions of tensor '{shown}' overflow");
        }
        var type = ReadTensorType(shown);
        at = _cursor.PositionBytes;
        var offset = _cursor.ReadUInt64($"the offset of tensor '{shown}'");
        if (offset > long.MaxValue) throw _cursor.Bad(at, $"tensor '{shown}' is at the offset {offset}");
        var blockElements = GgmlTypes.BlockElements(type);
        if (dimensions[0] % blockElements != 0)
            throw _cursor.Bad(at, $"rows of tensor '{shown}' have {dimensions[0]} elements, not whole blocks of {blockElements} ({type})");
        var bytes = elements / (uint)blockElements * (uint)GgmlTypes.BlockBytes(type);
        if (bytes > (ulong)_cursor.LengthBytes)
            throw _cursor.Bad(at, $"tensor '{shown}' has {bytes} bytes, more than the file");
        return new GgufTensor(name, type, dimensions, (long)offset, (long)bytes);
    }

    private GgmlType ReadTensorType(string shownName)
    {
        var at = _cursor.PositionBytes;
        var number = unchecked((int)_cursor.ReadUInt32($"the type of tensor '{shownName}'"));
        if (GgmlTypes.IsRemoved(number))
            throw _cursor.Unsupported(at, $"tensor '{shownName}' has type {number}, which llama.cpp has dropped", ConvertAnew);
        if (!GgmlTypes.IsKnown(number)) throw _cursor.Bad(at, $"tensor '{shownName}' has the unknown type {number}");
        return (GgmlType)number;
    }

    /// <summary>From offsets inside the data to positions in the file, each aligned, inside the file and apart from the others.</summary>
    private GgufTensor[] PlaceTensors(List<(GgufTensor Tensor, long At)> entries, int alignment, long dataBytes)
    {
        var placed = new GgufTensor[entries.Count];
        var room = _cursor.LengthBytes - dataBytes;
        for (var i = 0; i < placed.Length; i++)
        {
            var (tensor, at) = entries[i];
            var offset = tensor.PositionBytes;
            if (offset % alignment != 0)
                throw _cursor.Bad(at, $"tensor '{Printable.Short(tensor.Name)}' is at the offset {offset}, not a multiple of {alignment}");
            if (offset > room || tensor.SizeBytes > room - offset)
                throw _cursor.Bad(at, $"tensor '{Printable.Short(tensor.Name)}' needs {tensor.SizeBytes} bytes at the offset {offset}, but the data has {room}");
            placed[i] = tensor with { PositionBytes = dataBytes + offset };
        }
        var byPosition = placed.OrderBy(static tensor => tensor.PositionBytes).ToArray();
        for (var i = 1; i < byPosition.Length; i++)
        {
            var (before, after) = (byPosition[i - 1], byPosition[i]);
            if (before.PositionBytes + before.SizeBytes > after.PositionBytes)
                throw _cursor.Bad(after.PositionBytes, $"tensors '{Printable.Short(before.Name)}' and '{Printable.Short(after.Name)}' overlap");
        }
        return placed;
    }

    private static long Padded(long position, int alignment) => (position + alignment - 1) & ~((long)alignment - 1);
}
