using System.Text.Json;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Safetensors;

/// <summary>
/// <c>model.safetensors.index.json</c>: which file of a sharded model has which tensor. File names come from strangers, so
/// only plain names beside the index are accepted.
/// </summary>
/// <param name="Files">The shards, each once, in ordinal order.</param>
/// <param name="FileOfTensor">Tensor name to shard.</param>
/// <param name="TotalSizeBytes">What the index says its tensors take, or null.</param>
public sealed record SafetensorsIndex(
    IReadOnlyList<string> Files,
    IReadOnlyDictionary<string, string> FileOfTensor,
    long? TotalSizeBytes)
{
    private const int MaxIndexBytes = 64 << 20;
    private const int MaxTensors = 1_000_000;
    private const int MaxNameBytes = 4096;

    /// <exception cref="StokerException">Corrupt: not such an index, or a name that leads elsewhere.</exception>
    public static SafetensorsIndex Read(Stream stream)
    {
        var length = stream.Length - stream.Position;
        if (length > MaxIndexBytes) throw Bad($"it has {length} bytes, more than {MaxIndexBytes}");
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return Parse(bytes);
    }

    /// <exception cref="StokerException">Corrupt: not such an index, or a name that leads elsewhere.</exception>
    public static SafetensorsIndex Parse(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return ParseObject(utf8);
        }
        catch (JsonException exception)
        {
            throw Bad($"it is not valid JSON ({Printable.Short(exception.Message)})");
        }
        catch (InvalidOperationException)
        {
            throw Bad("a text in it is not valid UTF-8");
        }
    }

    private static SafetensorsIndex ParseObject(ReadOnlySpan<byte> utf8)
    {
        var json = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = 16 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw Bad("it is not an object");
        Dictionary<string, string>? map = null;
        long? total = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("weight_map"u8))
            {
                if (map is not null) throw Bad("weight_map appears twice");
                json.Read();
                map = ReadMap(ref json);
            }
            else if (json.ValueTextEquals("metadata"u8))
            {
                json.Read();
                total = ReadTotal(ref json);
            }
            else
            {
                json.Skip();
            }
        }
        while (json.Read()) throw Bad("something follows its object");
        if (map is null || map.Count == 0) throw Bad("it has no weight_map");
        return new SafetensorsIndex([.. map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)], map, total);
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Bad("weight_map is not an object");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueSpan.Length > MaxNameBytes || map.Count == MaxTensors) throw Bad($"it has more than {MaxTensors} tensors, or one with a name beyond {MaxNameBytes} bytes");
            var tensor = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.String || json.ValueSpan.Length > MaxNameBytes) throw Bad($"the file of '{Printable.Short(tensor)}' is not a name");
            var file = json.GetString()!;
            if (!IsPlainName(file)) throw Bad($"'{Printable.Short(file)}' is not the plain name of a .safetensors file");
            // One string for each file, not for each tensor.
            if (!files.TryAdd(file, file)) file = files[file];
            if (!map.TryAdd(tensor, file)) throw Bad($"tensor '{Printable.Short(tensor)}' appears twice");
        }
        return map;
    }

    private static long? ReadTotal(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return null;
        }
        long? total = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isTotal = json.ValueTextEquals("total_size"u8);
            json.Read();
            if (isTotal && json.TokenType == JsonTokenType.Number && json.TryGetDouble(out var size) && size is >= 0 and < long.MaxValue) total = (long)size;
            json.Skip();
        }
        return total;
    }

    /// <summary>No separator of any system, no drive, no dot-dot, nothing that a shell or a client takes for a flag.</summary>
    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255
        && name.EndsWith(".safetensors", StringComparison.Ordinal)
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_');

    private static StokerException Bad(string what) => new(
        ErrorKind.Corrupt, $"model.safetensors.index.json: {what}. Fetch it again, or use another revision.");
}
