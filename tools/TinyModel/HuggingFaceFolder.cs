using System.Text.Json;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Safetensors;

namespace TinyModel;

/// <summary>
/// A llama-architecture model as transformers lays it out: <c>config.json</c>, <c>tokenizer.json</c>,
/// <c>tokenizer_config.json</c> and one <c>model.safetensors</c>. Read whole: meant for small models.
/// </summary>
public sealed class HuggingFaceFolder
{
    private readonly JsonElement _config;
    private readonly Dictionary<string, SafetensorsTensor> _tensors;

    /// <exception cref="StokerException">Unsupported: another architecture, another kind of tokenizer. Corrupt: a file that is not what it should be.</exception>
    public HuggingFaceFolder(string folder)
    {
        _config = Json(folder, "config.json");
        if (Text(_config, "model_type") != "llama") throw Unsupported("config.json", $"its model_type is '{Printable.Short(Text(_config, "model_type"))}', not 'llama'");
        if (_config.TryGetProperty("rope_scaling", out var scaling) && scaling.ValueKind != JsonValueKind.Null) throw Unsupported("config.json", "it scales the rotary embedding");

        var weights = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        WeightsPath = weights.Path;
        _tensors = weights.Tensors.ToDictionary(static tensor => tensor.Name);

        var tokenizer = Json(folder, "tokenizer.json");
        var model = Property(tokenizer, "model");
        if (Text(model, "type") != "BPE") throw Unsupported("tokenizer.json", "its model is not BPE");
        var added = Property(tokenizer, "added_tokens").EnumerateArray().ToDictionary(static token => Property(token, "id").GetInt32(), static token => Text(token, "content"));
        Tokens = TokensOf(Property(model, "vocab"), added);
        ControlTokens = added.Keys.ToHashSet();
        Merges = [.. Property(model, "merges").EnumerateArray().Select(static merge => merge.ValueKind == JsonValueKind.Array ? $"{merge[0]} {merge[1]}" : merge.GetString()!)];
        ChatTemplate = Text(Json(folder, "tokenizer_config.json"), "chat_template");
    }

    public string WeightsPath { get; }

    public int Layers => Integer("num_hidden_layers");
    public int Hidden => Integer("hidden_size");
    public int FeedForward => Integer("intermediate_size");
    public int Heads => Integer("num_attention_heads");
    public int KeyValueHeads => Integer("num_key_value_heads");
    public int HeadLength => Integer("head_dim");
    public int ContextTokens => Integer("max_position_embeddings");
    public int BosToken => Integer("bos_token_id");
    public int EosToken => Integer("eos_token_id");
    public int PaddingToken => Integer("pad_token_id");
    public float NormEpsilon => Property(_config, "rms_norm_eps").GetSingle();
    public float RopeBase => Property(_config, "rope_theta").GetSingle();

    /// <summary>Token texts in GPT-2's letters, by id.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Ids that are marks, not text.</summary>
    public IReadOnlySet<int> ControlTokens { get; }

    /// <summary>Pairs with a space between, best first.</summary>
    public IReadOnlyList<string> Merges { get; }

    public string ChatTemplate { get; }

    /// <summary>The tensor, and its data as F32; rows lie one after the other.</summary>
    /// <exception cref="StokerException">NotFound: no such tensor. Unsupported: neither F16 nor F32.</exception>
    public (IReadOnlyList<long> Shape, float[] Values) Read(string name)
    {
        if (!_tensors.TryGetValue(name, out var tensor)) throw new StokerException(ErrorKind.NotFound, $"{WeightsPath} has no tensor '{Printable.Short(name)}'.");
        var bytes = new byte[tensor.SizeBytes];
        using (var handle = File.OpenHandle(WeightsPath))
        {
            var read = 0;
            while (read < bytes.Length)
            {
                var count = RandomAccess.Read(handle, bytes.AsSpan(read), tensor.PositionBytes + read);
                if (count == 0) throw new StokerException(ErrorKind.Io, $"{WeightsPath} became shorter while it was read.");
                read += count;
            }
        }
        var values = new float[tensor.Elements];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = tensor.Type switch
            {
                SafetensorsType.F16 => (float)BitConverter.ToHalf(bytes, 2 * i),
                SafetensorsType.F32 => BitConverter.ToSingle(bytes, 4 * i),
                _ => throw Unsupported("model.safetensors", $"tensor '{Printable.Short(name)}' is {tensor.Type}, not F16 or F32"),
            };
        }
        return (tensor.Shape, values);
    }

    private static string[] TokensOf(JsonElement vocabulary, Dictionary<int, string> added)
    {
        var byId = vocabulary.EnumerateObject().ToDictionary(static token => token.Value.GetInt32(), static token => token.Name);
        foreach (var (id, text) in added) byId[id] = text;
        var tokens = new string[byId.Count];
        for (var id = 0; id < tokens.Length; id++)
        {
            tokens[id] = byId.TryGetValue(id, out var text) ? text : throw Unsupported("tokenizer.json", $"no token has the id {id}");
        }
        return tokens;
    }

    private int Integer(string name) => Property(_config, name).GetInt32();

    private static JsonElement Json(string folder, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, name)));
            return document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new StokerException(ErrorKind.Corrupt, $"{name} is not JSON: {Printable.Short(exception.Message)}", exception);
        }
        catch (FileNotFoundException exception)
        {
            throw new StokerException(ErrorKind.NotFound, $"There is no {name} in {Printable.Short(folder, 300)}.", exception);
        }
    }

    private static JsonElement Property(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? value : throw new StokerException(ErrorKind.Corrupt, $"The model's JSON files lack '{name}'.");

    private static string Text(JsonElement element, string name) => Property(element, name).GetString() ?? "";

    private static StokerException Unsupported(string file, string what) => new(ErrorKind.Unsupported, $"{file}: {what}.");
}
