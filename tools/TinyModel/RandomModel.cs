using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary>
/// Writes models of any shape with random weights: they load, tokenise any text and speak invented words. Gigabytes take
/// seconds, because matrices repeat one tile of random blocks, each from another place of it.
/// </summary>
public static class RandomModel
{
    /// <param name="path">Of the file, ending in <c>.gguf</c>; with several parts its name is the prefix of theirs.</param>
    /// <param name="options">What to write.</param>
    /// <returns>The paths that were written, in order.</returns>
    /// <exception cref="StokerException">InvalidInput: a shape, type or number of parts that does not exist.</exception>
    public static IReadOnlyList<string> Write(string path, RandomModelOptions options)
    {
        var writer = Prepare(options);
        if (options.Parts == 1)
        {
            writer.WriteFile(path);
            return [path];
        }
        var prefix = path.EndsWith(".gguf", StringComparison.Ordinal) ? path[..^".gguf".Length] : path;
        return writer.WriteSplit(prefix, options.Parts);
    }

    /// <summary>The model as a writer, for tests that want it in a stream.</summary>
    public static GgufWriter Prepare(RandomModelOptions options)
    {
        if (options.Type is not (GgmlType.Q4_0 or GgmlType.Q8_0 or GgmlType.F16 or GgmlType.F32))
            throw new StokerException(ErrorKind.InvalidInput, $"Random weights are Q4_0, Q8_0, F16 or F32, not {options.Type}.");
        var shape = ModelShape.Named(options.Shape);
        var writer = new GgufWriter(options.AlignmentBytes);
        writer.Set(GgufKeys.Architecture, shape.Architecture);
        writer.Set(GgufKeys.Name, options.Name ?? $"random-{options.Shape}");
        writer.Set(GgufKeys.License, "mit");
        writer.Set(GgufKeys.FileType, (uint)GgufFileTypes.NumberOf(options.Type.ToString())!.Value);
        writer.Set(GgufKeys.QuantizationVersion, 2u);
        AddDimensions(writer, shape, options.ContextTokens);
        ByteVocabulary.AddTo(writer, shape.Vocabulary);
        var weights = new RandomWeights(shape.Hidden, options);
        foreach (var (name, dimensions, isMatrix) in TensorList.Of(shape))
        {
            writer.Add(weights.Source(name, dimensions, isMatrix));
        }
        return writer;
    }

    private static void AddDimensions(GgufWriter writer, ModelShape shape, int contextTokens)
    {
        var prefix = shape.Architecture + ".";
        writer.Set(prefix + "block_count", (uint)shape.Layers);
        writer.Set(prefix + "context_length", (uint)contextTokens);
        writer.Set(prefix + "embedding_length", (uint)shape.Hidden);
        writer.Set(prefix + "feed_forward_length", (uint)shape.FeedForward);
        writer.Set(prefix + "attention.head_count", (uint)shape.Heads);
        if (shape.IsHybrid) writer.Set(prefix + "attention.head_count_kv", [.. Enumerable.Range(0, shape.Layers).Select(shape.KeyValueHeadsOf)]);
        else writer.Set(prefix + "attention.head_count_kv", (uint)shape.KeyValueHeads[0]);
        writer.Set(prefix + "attention.layer_norm_rms_epsilon", 1e-6f);
        writer.Set(prefix + "rope.freq_base", 1e6f);
        if (shape.Experts is { } experts)
        {
            writer.Set(prefix + "expert_count", (uint)experts.Count);
            writer.Set(prefix + "expert_used_count", (uint)experts.Used);
            writer.Set(prefix + "expert_feed_forward_length", (uint)experts.FeedForward);
            writer.Set(prefix + "leading_dense_block_count", (uint)experts.DenseLayers);
            writer.Set(prefix + "expert_gating_func", 2u); // sigmoid
        }
        switch (shape.Architecture)
        {
            case "gemma3":
                writer.Set(prefix + "attention.sliding_window", 512u);
                writer.Set(prefix + "attention.key_length", (uint)shape.HeadLength);
                writer.Set(prefix + "attention.value_length", (uint)shape.HeadLength);
                break;
            case "lfm2" or "lfm2moe":
                writer.Set(prefix + "shortconv.l_cache", (uint)TensorList.ShortConvolution);
                break;
            case "granitehybrid":
                writer.Set(prefix + "ssm.conv_kernel", (uint)TensorList.SsmConvolution);
                writer.Set(prefix + "ssm.inner_size", (uint)TensorList.SsmInner(shape));
                writer.Set(prefix + "ssm.state_size", (uint)TensorList.SsmState);
                writer.Set(prefix + "ssm.time_step_rank", (uint)TensorList.SsmHeads);
                writer.Set(prefix + "ssm.group_count", (uint)TensorList.SsmGroups);
                writer.Set(prefix + "rope.dimension_count", (uint)shape.HeadLength);
                break;
        }
    }
}
