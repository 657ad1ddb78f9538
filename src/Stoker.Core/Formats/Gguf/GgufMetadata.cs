namespace Stoker.Core.Formats.Gguf;

/// <summary>The key-value part of a header, with accessors for what Stoker shows and plans with. Null: the file does not say. Immutable.</summary>
public sealed class GgufMetadata
{
    private readonly IReadOnlyDictionary<string, GgufValue> _values;

    internal GgufMetadata(IReadOnlyDictionary<string, GgufValue> values) => _values = values;

    /// <summary>All keys in the order of the file.</summary>
    public IReadOnlyDictionary<string, GgufValue> Values => _values;

    /// <summary>E.g. <c>qwen2</c>; the prefix of the keys below.</summary>
    public string? Architecture => Text(GgufKeys.Architecture);

    public string? Name => Text(GgufKeys.Name);

    public string? License => Text(GgufKeys.License);

    /// <summary>The jinja text of the default chat template.</summary>
    public string? ChatTemplate => Text(GgufKeys.ChatTemplate);

    public string? TokenizerModel => Text(GgufKeys.TokenizerModel);

    /// <summary>Context that the model was trained for, in tokens.</summary>
    public long? ContextLength => OfArchitecture("context_length");

    /// <summary>Layers.</summary>
    public long? BlockCount => OfArchitecture("block_count");

    public long? EmbeddingLength => OfArchitecture("embedding_length");

    /// <summary>Extent of one head's key; derived from the embedding when the file does not say.</summary>
    public long? KeyLength => OfArchitecture("attention.key_length") ?? DerivedHeadLength;

    /// <summary>Extent of one head's value; derived from the embedding when the file does not say.</summary>
    public long? ValueLength => OfArchitecture("attention.value_length") ?? DerivedHeadLength;

    /// <summary>Tokens of the sliding window, or null when attention is full.</summary>
    public long? SlidingWindow => OfArchitecture("attention.sliding_window");

    /// <summary>Tokens of the vocabulary.</summary>
    public long? VocabularySize => _values.GetValueOrDefault(GgufKeys.Tokens)?.Array?.Count ?? OfArchitecture("vocab_size");

    /// <summary>LLAMA_FTYPE as a word ("Q4_K_M"), or null when the file does not say or the number is unknown.</summary>
    public string? FileType => Integer(GgufKeys.FileType) is { } number ? GgufFileTypes.NameOf(number) : null;

    /// <summary>Query heads of a layer.</summary>
    public long? Heads(int layer = 0) => PerLayer("attention.head_count", layer);

    /// <summary>Key and value heads of a layer (0: the layer has no attention); as many as query heads when the file does not say.</summary>
    public long? KeyValueHeads(int layer) =>
        _values.ContainsKey($"{Architecture}.attention.head_count_kv") ? PerLayer("attention.head_count_kv", layer) : Heads(layer);

    /// <summary>An integer key, whatever its width; null when absent or of another type.</summary>
    public long? Integer(string key) => _values.GetValueOrDefault(key)?.Integer;

    /// <summary>A string key; null when absent or of another type.</summary>
    public string? Text(string key) => _values.GetValueOrDefault(key)?.Text;

    /// <summary>An integer key under the architecture's prefix.</summary>
    public long? OfArchitecture(string key) => Architecture is { } prefix ? Integer($"{prefix}.{key}") : null;

    private long? DerivedHeadLength => EmbeddingLength is { } embedding && Heads() is > 0 and var heads ? embedding / heads : null;

    private long? PerLayer(string key, int layer)
    {
        if (Architecture is not { } prefix || !_values.TryGetValue($"{prefix}.{key}", out var value)) return null;
        if (value.Integer is { } same) return same;
        return value.Array?.Integers is { } each && layer >= 0 && layer < each.Count ? each[layer] : null;
    }
}
