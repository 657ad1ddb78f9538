using Stoker.Core.Formats.Gguf;

namespace Stoker.Core.Budget;

/// <summary>From a model's header to what loading it takes, before anything is loaded. Pure.</summary>
public static class ModelMemoryEstimate
{
    /// <summary>The runner's own libraries, runtime and heap without a model, rounded up.</summary>
    private const long ProcessBytes = 32L << 20;

    /// <summary>libllama keeps each token's text twice, in a list and in a map, and pairs of merges in another.</summary>
    private const long BytesPerToken = 230;

    private const int RecurrentStateBytes = 4;

    /// <summary>A bound on each part, so that the sum of all layers stays a number.</summary>
    private const long MostBytes = 1L << 50;

    public static MemoryEstimate Of(GgufModel model, ModelMemoryOptions options)
    {
        var metadata = model.Metadata;
        var layers = (int)Math.Clamp(metadata.BlockCount ?? 0, 0, 4096);
        var context = Padded(Math.Max(1, options.ContextTokens));
        var copied = model.Tensors.Where(tensor => IsCopied(tensor, options)).Sum(static tensor => tensor.SizeBytes);
        var mapped = options.UseMmap ? model.Tensors.Where(tensor => !IsCopied(tensor, options)).Sum(static tensor => tensor.SizeBytes) : 0;
        var tied = TiedOutputBytes(model, options);
        return new MemoryEstimate
        {
            CopiedWeightsBytes = copied + tied,
            MappedWeightsBytes = mapped,
            CacheBytes = Enumerable.Range(0, layers).Sum(layer => CacheBytes(metadata, layer, context, options)),
            WorkingBytes = ProcessBytes + WorkingBytes(metadata, context, options),
        };
    }

    /// <summary>
    /// True when a tensor ends up in private memory. Embeddings are looked up by row and stay as they are; vectors and one-row
    /// matrices are never repacked.
    /// </summary>
    private static bool IsCopied(GgufTensor tensor, ModelMemoryOptions options)
    {
        if (!options.UseMmap) return true;
        return options.Repack && !tensor.Name.StartsWith("token_embd", StringComparison.Ordinal) && IsRepackable(tensor);
    }

    /// <summary>ggml_repack_get_optimal_repack_type for x86 with AVX2 (Q2_K: AVX-512): eight rows are interleaved.</summary>
    private static bool IsRepackable(GgufTensor tensor) =>
        tensor.Type is GgmlType.Q4_0 or GgmlType.Q4_K or GgmlType.Q2_K or GgmlType.IQ4_NL or GgmlType.MXFP4
        && tensor.Dimensions.Count >= 2
        && tensor.Dimensions[1] % 8 == 0;

    /// <summary>Without an output matrix the embedding serves as one, and a repacked copy of it is made.</summary>
    private static long TiedOutputBytes(GgufModel model, ModelMemoryOptions options)
    {
        if (!options.Repack || model.Tensors.Any(static tensor => tensor.Name == "output.weight")) return 0;
        return model.Tensors.FirstOrDefault(static tensor => tensor.Name == "token_embd.weight") is { } embedding && IsRepackable(embedding)
            ? embedding.SizeBytes
            : 0;
    }

    private static long CacheBytes(GgufMetadata metadata, int layer, long context, ModelMemoryOptions options)
    {
        var heads = Clamped(metadata.KeyValueHeads(layer));
        if (heads == 0) return options.Slots * RecurrentBytes(metadata);
        if (options.CacheInFiles) return 0;
        var keys = Bytes(options.KeyType, (Int128)heads * Clamped(metadata.KeyLength));
        var values = Bytes(options.ValueType, (Int128)heads * Clamped(metadata.ValueLength));
        return Saturating(options.Slots * context * (keys + values));
    }

    /// <summary>A layer without attention: its convolution's and state-space state (llama_hparams::n_embd_r, n_embd_s).</summary>
    private static long RecurrentBytes(GgufMetadata metadata)
    {
        Int128 Value(string key) => Clamped(metadata.OfArchitecture(key));
        var convolution = Int128.Max(0, Value("shortconv.l_cache") - 1) * Clamped(metadata.EmbeddingLength);
        var inner = Value("ssm.inner_size");
        var state = Value("ssm.state_size");
        var window = Int128.Max(0, Value("ssm.conv_kernel") - 1) * (inner + (2 * Value("ssm.group_count") * state));
        return Saturating((convolution + window + (inner * state)) * RecurrentStateBytes);
    }

    /// <summary>
    /// Activations of one micro-batch, the attention's mask, two rows of logits and the vocabulary. libllama reserves more
    /// address space than that (logits of a whole batch), which is never touched.
    /// </summary>
    private static long WorkingBytes(GgufMetadata metadata, long context, ModelMemoryOptions options)
    {
        var hidden = Clamped(metadata.EmbeddingLength);
        var inner = Clamped(metadata.OfArchitecture("feed_forward_length") ?? 4 * hidden);
        var vocabulary = Clamped(metadata.VocabularySize);
        var batch = (Int128)Math.Min(options.MicroBatchTokens, context);
        var activations = batch * ((2 * inner) + (6 * hidden)) * sizeof(float);
        var mask = batch * context * (sizeof(float) + sizeof(ushort));
        var logits = (Int128)vocabulary * sizeof(float) * 2;
        return Saturating(activations + mask + logits + ((Int128)vocabulary * BytesPerToken));
    }

    private static Int128 Bytes(GgmlType type, Int128 elements) =>
        (elements + GgmlTypes.BlockElements(type) - 1) / GgmlTypes.BlockElements(type) * GgmlTypes.BlockBytes(type);

    /// <summary>A header may say anything; no product below overflows.</summary>
    private static long Clamped(long? value) => Math.Clamp(value ?? 0, 0, int.MaxValue);

    /// <summary>llama_context pads to 256 cells.</summary>
    private static long Padded(long tokens) => (tokens + 255) / 256 * 256;

    private static long Saturating(Int128 bytes) => bytes > MostBytes ? MostBytes : (long)bytes;
}
