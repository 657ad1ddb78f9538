namespace TinyModel;

/// <summary>Which tensors llama.cpp expects of each architecture (src/models of its sources), in file order.</summary>
internal static class TensorList
{
    public const int ShortConvolution = 3;
    public const int SsmConvolution = 4;
    public const int SsmState = 64;
    public const int SsmHeads = 8;
    public const int SsmGroups = 1;

    public static int SsmInner(ModelShape shape) => 2 * shape.Hidden;

    /// <summary>Name, extents fastest first, and whether it is a matrix that is quantised.</summary>
    public static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> Of(ModelShape shape)
    {
        yield return ("token_embd.weight", [shape.Hidden, shape.Vocabulary], true);
        yield return (shape.Architecture.StartsWith("lfm2", StringComparison.Ordinal) ? "token_embd_norm.weight" : "output_norm.weight", [shape.Hidden], false);
        if (!shape.TiedOutput) yield return ("output.weight", [shape.Hidden, shape.Vocabulary], true);
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            foreach (var (name, dimensions, isMatrix) in Layer(shape, shape.KeyValueHeadsOf(layer), shape.HasExperts(layer)))
            {
                yield return ($"blk.{layer}.{name}", dimensions, isMatrix);
            }
        }
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> Layer(ModelShape shape, int keyValueHeads, bool experts)
    {
        long hidden = shape.Hidden;
        yield return ("attn_norm.weight", [hidden], false);
        var mixer = keyValueHeads > 0 ? Attention(shape, keyValueHeads)
            : shape.Architecture.StartsWith("lfm2", StringComparison.Ordinal) ? Convolution(hidden)
            : StateSpace(shape);
        foreach (var tensor in mixer) yield return tensor;
        if (shape.Architecture == "gemma3")
        {
            yield return ("post_attention_norm.weight", [hidden], false);
            yield return ("post_ffw_norm.weight", [hidden], false);
        }
        yield return ("ffn_norm.weight", [hidden], false);
        foreach (var tensor in experts ? Mixture(hidden, shape.Experts!) : FeedForward(hidden, shape.FeedForward)) yield return tensor;
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> FeedForward(long hidden, long inner)
    {
        yield return ("ffn_gate.weight", [hidden, inner], true);
        yield return ("ffn_up.weight", [hidden, inner], true);
        yield return ("ffn_down.weight", [inner, hidden], true);
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> Mixture(long hidden, ModelExperts experts)
    {
        yield return ("ffn_gate_inp.weight", [hidden, experts.Count], false);
        yield return ("exp_probs_b.bias", [experts.Count], false);
        yield return ("ffn_gate_exps.weight", [hidden, experts.FeedForward, experts.Count], true);
        yield return ("ffn_up_exps.weight", [hidden, experts.FeedForward, experts.Count], true);
        yield return ("ffn_down_exps.weight", [experts.FeedForward, hidden, experts.Count], true);
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> Attention(ModelShape shape, int keyValueHeads)
    {
        long hidden = shape.Hidden;
        long queries = shape.Heads * shape.HeadLength;
        long keys = keyValueHeads * shape.HeadLength;
        yield return ("attn_q.weight", [hidden, queries], true);
        yield return ("attn_k.weight", [hidden, keys], true);
        yield return ("attn_v.weight", [hidden, keys], true);
        yield return ("attn_output.weight", [queries, hidden], true);
        if (shape.Architecture == "qwen2")
        {
            yield return ("attn_q.bias", [queries], false);
            yield return ("attn_k.bias", [keys], false);
            yield return ("attn_v.bias", [keys], false);
        }
        if (shape.Architecture is "gemma3" or "lfm2" or "lfm2moe")
        {
            yield return ("attn_q_norm.weight", [shape.HeadLength], false);
            yield return ("attn_k_norm.weight", [shape.HeadLength], false);
        }
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> Convolution(long hidden)
    {
        yield return ("shortconv.conv.weight", [ShortConvolution, hidden], false);
        yield return ("shortconv.in_proj.weight", [hidden, 3 * hidden], true);
        yield return ("shortconv.out_proj.weight", [hidden, hidden], true);
    }

    private static IEnumerable<(string Name, long[] Dimensions, bool IsMatrix)> StateSpace(ModelShape shape)
    {
        long hidden = shape.Hidden;
        long inner = SsmInner(shape);
        long groups = 2 * SsmGroups * SsmState;
        yield return ("ssm_in.weight", [hidden, (2 * inner) + groups + SsmHeads], true);
        yield return ("ssm_conv1d.weight", [SsmConvolution, inner + groups], false);
        yield return ("ssm_conv1d.bias", [inner + groups], false);
        yield return ("ssm_dt.bias", [SsmHeads], false);
        yield return ("ssm_a", [1, SsmHeads], false);
        yield return ("ssm_d", [1, SsmHeads], false);
        yield return ("ssm_norm.weight", [inner / SsmGroups, SsmGroups], false);
        yield return ("ssm_out.weight", [inner, hidden], true);
    }
}
