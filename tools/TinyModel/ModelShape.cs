using Stoker.Core.Errors;

namespace TinyModel;

/// <summary>Extents of a model to be made. The plain ones are Qwen2.5's; the small ones exercise other attention patterns.</summary>
/// <param name="Architecture">llama.cpp's name.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="Hidden">Embedding length.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">For each layer, repeated when shorter; 0: the layer has no attention (hybrids).</param>
/// <param name="HeadLength">Extent of one head.</param>
/// <param name="FeedForward">Inner extent of the feed-forward part.</param>
/// <param name="Vocabulary">Tokens.</param>
/// <param name="TiedOutput">True: the output matrix is the embedding.</param>
/// <param name="Experts">Null: every layer's feed-forward part is one.</param>
public sealed record ModelShape(
    string Architecture,
    int Layers,
    int Hidden,
    int Heads,
    IReadOnlyList<int> KeyValueHeads,
    int HeadLength,
    int FeedForward,
    int Vocabulary,
    bool TiedOutput,
    ModelExperts? Experts = null)
{
    private static readonly Dictionary<string, ModelShape> Known = new(StringComparer.Ordinal)
    {
        ["0.5b"] = new("qwen2", 24, 896, 14, [2], 64, 4864, 151_936, true),
        ["0.5bs"] = new("qwen2", 24, 896, 14, [2], 64, 4864, 8192, true),
        ["1.5b"] = new("qwen2", 28, 1536, 12, [2], 128, 8960, 151_936, true),
        ["3b"] = new("qwen2", 36, 2048, 16, [2], 128, 11_008, 151_936, true),
        ["7b"] = new("qwen2", 28, 3584, 28, [4], 128, 18_944, 152_064, false),
        ["14b"] = new("qwen2", 48, 5120, 40, [8], 128, 13_824, 152_064, false),
        ["32b"] = new("qwen2", 64, 5120, 40, [8], 128, 27_648, 152_064, false),
        // A context of tens of thousands of tokens can really be computed on it, in a minute or so.
        ["thin"] = new("qwen2", 4, 256, 4, [2], 64, 1024, 4096, true),
        // LFM2's 8B with 1B active: short convolutions, attention in six layers, a mixture of experts after the first two.
        ["lfm2-8b"] = new(
            "lfm2moe", 24, 2048, 32, [0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 8, 0, 0], 64, 7168, 65_536, true, new(32, 4, 1792, 2)),
        ["tiny"] = new("qwen2", 6, 256, 4, [2], 64, 512, 4096, true),
        // A head's row is 24 bytes: those of 256 cells do not fill whole pages.
        ["narrowt"] = new("qwen2", 2, 96, 8, [1], 12, 192, 4096, true),
        // Sliding window of 512 tokens, every sixth layer full.
        ["gemma3t"] = new("gemma3", 12, 256, 4, [2], 64, 512, 4096, true),
        // Short convolutions with attention in some layers.
        ["lfm2t"] = new("lfm2", 8, 256, 4, [0, 0, 2, 0, 0, 2, 0, 2], 64, 512, 4096, true),
        ["lfm2moet"] = new("lfm2moe", 6, 256, 4, [0, 0, 2, 0, 0, 2], 64, 512, 4096, true, new(4, 2, 256, 2)),
        // Mamba-2 with attention in some layers.
        ["granitet"] = new("granitehybrid", 6, 256, 4, [0, 0, 2, 0, 0, 2], 64, 512, 4096, true),
    };

    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <exception cref="StokerException">InvalidInput: no such shape.</exception>
    public static ModelShape Named(string name) => Known.GetValueOrDefault(name)
        ?? throw new StokerException(ErrorKind.InvalidInput, $"There is no shape '{Printable.Short(name)}'; there are {string.Join(", ", Names)}.");

    public int KeyValueHeadsOf(int layer) => KeyValueHeads[layer % KeyValueHeads.Count];

    /// <summary>Bytes that one token takes in an f16 KV cache.</summary>
    public long CellBytes => Enumerable.Range(0, Layers).Sum(KeyValueHeadsOf) * (long)HeadLength * 2 * 2;

    /// <summary>Whether this layer's feed-forward part is a mixture of experts.</summary>
    public bool HasExperts(int layer) => Experts is { } experts && layer >= experts.DenseLayers;

    public bool IsHybrid => KeyValueHeads.Contains(0);
}

/// <summary>A mixture of experts.</summary>
/// <param name="Count">Experts of a layer.</param>
/// <param name="Used">Of them for each token.</param>
/// <param name="FeedForward">Inner extent of one.</param>
/// <param name="DenseLayers">First layers that have none.</param>
public sealed record ModelExperts(int Count, int Used, int FeedForward, int DenseLayers);
