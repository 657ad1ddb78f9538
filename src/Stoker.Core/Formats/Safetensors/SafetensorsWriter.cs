using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Safetensors;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Unique; not <c>__metadata__</c>.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Extents, slowest first.</param>
/// <param name="WriteData">Writes exactly the tensor's bytes.</param>
public sealed record SafetensorsSource(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, Action<Stream> WriteData)
{
    public long SizeBytes => checked(Shape.Aggregate(1L, static (product, extent) => checked(product * extent)) * SafetensorsTypes.Bits(Type) / 8);
}

/// <summary>Writes safetensors: the header is padded to 8 bytes with spaces, as the reference does; data is streamed.</summary>
public static class SafetensorsWriter
{
    public static void Write(Stream stream, IReadOnlyList<SafetensorsSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var header = Header(tensors, metadata);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (var tensor in tensors)
        {
            using var data = new ExactWriteStream(stream, tensor.SizeBytes, $"tensor '{tensor.Name}'");
            tensor.WriteData(data);
            data.CheckComplete();
        }
    }

    private static byte[] Header(IReadOnlyList<SafetensorsSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
            var begin = 0L;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name)) throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(tensor.Name)}' cannot name another tensor.");
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begin);
                json.WriteNumberValue(begin += tensor.SizeBytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        var padding = (8 - (buffer.WrittenCount % 8)) % 8;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan.ToArray();
    }
}
