using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary>
/// A GGUF of the llama architecture from a folder in transformers' layout. Rows of q and k change places: transformers rotates
/// the first half of a head with the second, llama.cpp rotates neighbours.
/// </summary>
public static class HuggingFaceToGguf
{
    private const int TypeNormal = 1;
    private const int TypeControl = 3;

    private static readonly Dictionary<string, string> LayerNames = new(StringComparer.Ordinal)
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["post_attention_layernorm"] = "ffn_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
    };

    /// <param name="model">Where it comes from.</param>
    /// <param name="type">Of the matrices: F32, F16 or Q8_0. Vectors are F32.</param>
    /// <param name="name">Value of general.name.</param>
    /// <exception cref="StokerException">InvalidInput: another type.</exception>
    public static GgufWriter Prepare(HuggingFaceFolder model, GgmlType type, string name)
    {
        if (type is not (GgmlType.F32 or GgmlType.F16 or GgmlType.Q8_0))
            throw new StokerException(ErrorKind.InvalidInput, $"The matrices can be F32, F16 or Q8_0, not {type}.");
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "llama");
        writer.Set("general.type", "model");
        writer.Set(GgufKeys.Name, name);
        writer.Set(GgufKeys.License, "mit");
        writer.Set(GgufKeys.FileType, (uint)GgufFileTypes.NumberOf(type.ToString())!.Value);
        if (type == GgmlType.Q8_0) writer.Set(GgufKeys.QuantizationVersion, 2u);
        AddExtents(writer, model);
        AddTokenizer(writer, model);

        Add(writer, model, type, "model.embed_tokens.weight", "token_embd.weight", heads: 0);
        for (var layer = 0; layer < model.Layers; layer++)
        {
            foreach (var (from, to) in LayerNames)
            {
                var heads = to switch { "attn_q" => model.Heads, "attn_k" => model.KeyValueHeads, _ => 0 };
                Add(writer, model, type, $"model.layers.{layer}.{from}.weight", $"blk.{layer}.{to}.weight", heads);
            }
        }
        Add(writer, model, type, "model.norm.weight", "output_norm.weight", heads: 0);
        return writer;
    }

    /// <summary>Rows of each head: place 2i holds what was row i, place 2i+1 what was row i of the second half.</summary>
    public static float[] Interleave(float[] rows, int heads, int rowLength)
    {
        var result = new float[rows.Length];
        var headLength = rows.Length / rowLength / heads;
        var half = headLength / 2;
        for (var head = 0; head < heads; head++)
        {
            for (var row = 0; row < headLength; row++)
            {
                var from = (head * headLength) + (row % 2 * half) + (row / 2);
                rows.AsSpan(from * rowLength, rowLength).CopyTo(result.AsSpan(((head * headLength) + row) * rowLength));
            }
        }
        return result;
    }

    private static void AddExtents(GgufWriter writer, HuggingFaceFolder model)
    {
        writer.Set("llama.block_count", (uint)model.Layers);
        writer.Set("llama.context_length", (uint)model.ContextTokens);
        writer.Set("llama.embedding_length", (uint)model.Hidden);
        writer.Set("llama.feed_forward_length", (uint)model.FeedForward);
        writer.Set("llama.attention.head_count", (uint)model.Heads);
        writer.Set("llama.attention.head_count_kv", (uint)model.KeyValueHeads);
        writer.Set("llama.attention.key_length", (uint)model.HeadLength);
        writer.Set("llama.attention.value_length", (uint)model.HeadLength);
        writer.Set("llama.attention.layer_norm_rms_epsilon", model.NormEpsilon);
        writer.Set("llama.rope.dimension_count", (uint)model.HeadLength);
        writer.Set("llama.rope.freq_base", model.RopeBase);
        writer.Set("llama.vocab_size", (uint)model.Tokens.Count);
    }

    private static void AddTokenizer(GgufWriter writer, HuggingFaceFolder model)
    {
        writer.Set(GgufKeys.TokenizerModel, "gpt2");
        writer.Set(GgufKeys.TokenizerPre, "qwen2");
        writer.Set(GgufKeys.Tokens, model.Tokens);
        writer.Set(GgufKeys.TokenTypes, [.. Enumerable.Range(0, model.Tokens.Count).Select(id => model.ControlTokens.Contains(id) ? TypeControl : TypeNormal)]);
        writer.Set(GgufKeys.Merges, model.Merges);
        writer.Set(GgufKeys.BosTokenId, (uint)model.BosToken);
        writer.Set(GgufKeys.EosTokenId, (uint)model.EosToken);
        writer.Set(GgufKeys.PaddingTokenId, (uint)model.PaddingToken);
        writer.Set(GgufKeys.AddBosToken, false);
        writer.Set(GgufKeys.ChatTemplate, model.ChatTemplate);
    }

    private static void Add(GgufWriter writer, HuggingFaceFolder model, GgmlType matrixType, string from, string to, int heads)
    {
        var (shape, values) = model.Read(from);
        if (heads > 0) values = Interleave(values, heads, (int)shape[^1]);
        var type = shape.Count == 1 ? GgmlType.F32 : matrixType;
        var bytes = new byte[GgmlTypes.SizeBytes(type, values.Length)];
        GgmlQuantizer.Quantize(type, values, bytes);
        writer.Add(new GgufTensorSource(to, type, [.. shape.Reverse()], stream => stream.Write(bytes)));
    }
}
