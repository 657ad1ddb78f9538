using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Safetensors;

/// <summary>
/// Parses a safetensors header (github.com/huggingface/safetensors: 8 bytes of length, that much JSON, then data without
/// gaps) and accepts or refuses it as a whole. Memory: the header once, and its index.
/// </summary>
internal sealed class SafetensorsReader(Stream stream, string path)
{
    /// <summary>The limit of the reference implementation.</summary>
    private const long MaxHeaderBytes = 100_000_000;

    private const int MaxTensors = 100_000;
    private const int MaxDimensions = 64;
    private const int MaxNameBytes = 4096;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _fileName = Printable.Short(Path.GetFileName(path));

    /// <summary>An entry as the header states it, offsets relative to the data.</summary>
    private sealed record Entry(string Name, SafetensorsType Type, long[] Shape, long Begin, long End);

    public SafetensorsFile Read()
    {
        var lengthBytes = stream.Length;
        stream.Position = 0;
        var header = ReadHeader(lengthBytes);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = ParseHeader(header, metadata);
        var dataBytes = 8L + header.Length;
        var tensors = Place(entries, dataBytes, lengthBytes);
        return new SafetensorsFile(path, lengthBytes, dataBytes, metadata, tensors);
    }

    private byte[] ReadHeader(long lengthBytes)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8) throw Bad("the file is shorter than the length of its header", 0);
        var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerBytes > (ulong)(lengthBytes - 8)) throw Bad($"its header has {headerBytes} bytes, more than the file", 0);
        if (headerBytes > MaxHeaderBytes) throw Bad($"its header has {headerBytes} bytes, more than the {MaxHeaderBytes} that readers accept", 0);
        if (headerBytes < 2) throw Bad("its header is empty", 0);
        var header = new byte[headerBytes];
        if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) throw Bad("the file ends inside its header", 8);
        if (header[0] != (byte)'{') throw Bad("its header does not begin with '{'", 8);
        return header;
    }

    private List<Entry> ParseHeader(byte[] header, Dictionary<string, string> metadata)
    {
        var json = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = 4 });
        try
        {
            var entries = new List<Entry>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            json.Read();
            while (json.Read() && json.TokenType != JsonTokenType.EndObject)
            {
                var at = json.TokenStartIndex;
                var name = Name(ref json);
                if (!names.Add(name)) throw Bad($"'{Printable.Short(name)}' appears twice", 8 + at);
                json.Read();
                if (name == "__metadata__") ReadMetadata(ref json, metadata);
                else entries.Add(ReadEntry(ref json, name));
                if (entries.Count > MaxTensors) throw Bad($"it has more than {MaxTensors} tensors", 8 + at);
            }
            // Padding after the object may be white space only: the reader throws for anything else.
            while (json.Read()) throw Bad("something follows the header's object", 8 + json.TokenStartIndex);
            return entries;
        }
        catch (JsonException exception)
        {
            throw Bad($"its header is not valid JSON ({Printable.Short(exception.Message)})", 8 + json.BytesConsumed);
        }
        catch (InvalidOperationException)
        {
            // GetString of text that is not UTF-8, or of half a surrogate pair.
            throw Bad("a text of its header is not valid UTF-8", 8 + json.TokenStartIndex);
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json, Dictionary<string, string> metadata)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Bad("__metadata__ is not an object", 8 + json.TokenStartIndex);
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            var key = Name(ref json);
            json.Read();
            if (json.TokenType != JsonTokenType.String) throw Bad($"'{Printable.Short(key)}' in __metadata__ is not a text", 8 + json.TokenStartIndex);
            if (!metadata.TryAdd(key, json.GetString()!)) throw Bad($"'{Printable.Short(key)}' in __metadata__ appears twice", 8 + json.TokenStartIndex);
        }
    }

    private Entry ReadEntry(ref Utf8JsonReader json, string name)
    {
        var shown = Printable.Short(name);
        if (json.TokenType != JsonTokenType.StartObject) throw Bad($"tensor '{shown}' is not described by an object", 8 + json.TokenStartIndex);
        SafetensorsType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            var at = 8 + json.TokenStartIndex;
            var field = Name(ref json);
            json.Read();
            switch (field)
            {
                case "dtype" when type is null:
                    var stated = json.TokenType == JsonTokenType.String ? json.GetString() : null;
                    if (!SafetensorsTypes.TryParse(stated, out type))
                        throw Bad($"tensor '{shown}' has the unknown type '{Printable.Short(stated)}'", at);
                    break;
                case "shape" when shape is null:
                    shape = ReadIntegers(ref json, $"the shape of '{shown}'", MaxDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref json, $"the offsets of '{shown}'", 2);
                    if (offsets.Length != 2) throw Bad($"tensor '{shown}' has {offsets.Length} offsets, not 2", at);
                    break;
                default:
                    throw Bad($"tensor '{shown}' has the repeated or unknown field '{Printable.Short(field)}'", at);
            }
        }
        if (type is null || shape is null || offsets is null) throw Bad($"tensor '{shown}' lacks its type, shape or offsets", 8 + json.TokenStartIndex);
        var entry = new Entry(name, type.Value, shape, offsets[0], offsets[1]);
        CheckBytes(entry, 8 + json.TokenStartIndex);
        return entry;
    }

    private long[] ReadIntegers(ref Utf8JsonReader json, string what, int most)
    {
        if (json.TokenType != JsonTokenType.StartArray) throw Bad($"{what} is not an array", 8 + json.TokenStartIndex);
        var integers = new List<long>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var integer) || integer < 0)
                throw Bad($"{what} has an element that is no integer from 0 to 2^63-1", 8 + json.TokenStartIndex);
            if (integers.Count == most) throw Bad($"{what} has more than {most} elements", 8 + json.TokenStartIndex);
            integers.Add(integer);
        }
        return [.. integers];
    }

    private void CheckBytes(Entry entry, long at)
    {
        var shown = Printable.Short(entry.Name);
        if (entry.End < entry.Begin) throw Bad($"tensor '{shown}' ends at {entry.End}, before it begins at {entry.Begin}", at);
        var elements = (UInt128)1;
        foreach (var extent in entry.Shape)
        {
            elements *= (ulong)extent;
            if (elements > long.MaxValue) throw Bad($"the shape of tensor '{shown}' overflows", at);
        }
        var bits = elements * (uint)SafetensorsTypes.Bits(entry.Type);
        if (bits % 8 != 0) throw Bad($"tensor '{shown}' of {entry.Type} does not end at a whole byte", at);
        if (bits / 8 != (UInt128)(entry.End - entry.Begin))
            throw Bad($"tensor '{shown}' has {entry.End - entry.Begin} bytes, but its shape takes {bits / 8}", at);
    }

    /// <summary>In the order of the data; each begins where the one before ends, and the last ends with the file.</summary>
    private SafetensorsTensor[] Place(List<Entry> entries, long dataBytes, long lengthBytes)
    {
        var ordered = entries.OrderBy(static entry => entry.Begin).ThenBy(static entry => entry.End).ToArray();
        var end = 0L;
        foreach (var entry in ordered)
        {
            if (entry.Begin < end) throw Bad($"tensor '{Printable.Short(entry.Name)}' overlaps the one before it", dataBytes + entry.Begin);
            if (entry.Begin > end) throw Bad($"{entry.Begin - end} bytes before tensor '{Printable.Short(entry.Name)}' belong to none", dataBytes + end);
            end = entry.End;
        }
        if (end > lengthBytes - dataBytes) throw Bad($"its tensors take {end} bytes, but the file has {lengthBytes - dataBytes}", dataBytes);
        if (end < lengthBytes - dataBytes) throw Bad($"{lengthBytes - dataBytes - end} bytes after the last tensor belong to none", dataBytes + end);
        return [.. ordered.Select(entry => new SafetensorsTensor(entry.Name, entry.Type, entry.Shape, dataBytes + entry.Begin, entry.End - entry.Begin))];
    }

    private string Name(ref Utf8JsonReader json)
    {
        if (json.ValueSpan.Length > MaxNameBytes) throw Bad($"a name has {json.ValueSpan.Length} bytes, more than {MaxNameBytes}", 8 + json.TokenStartIndex);
        if (!json.ValueIsEscaped)
        {
            try
            {
                return Strict.GetString(json.ValueSpan);
            }
            catch (DecoderFallbackException)
            {
                throw Bad("a name is not valid UTF-8", 8 + json.TokenStartIndex);
            }
        }
        return json.GetString()!;
    }

    private StokerException Bad(string what, long atBytes) => new(
        ErrorKind.Corrupt,
        $"{_fileName}: {what} (at byte {atBytes}). The file is damaged or not valid safetensors: fetch it again, or convert the model anew.");
}
