namespace Stoker.Native.Llama;

/// <summary>How llama.cpp loads a model. Null: the library's default.</summary>
public sealed record ModelLoadOptions
{
    /// <summary>Only vocabulary and metadata: tokenising works, contexts do not.</summary>
    public bool VocabularyOnly { get; init; }

    /// <summary>Map the file (weights stay file pages, shared and reclaimable) instead of reading it. Default: map.</summary>
    public bool MapFile { get; init; } = true;

    /// <summary>Repack weights for this processor into memory of the process (use_extra_bufts).</summary>
    public bool? Repack { get; init; }

    /// <summary>Layers on a GPU; the shipped libraries have none.</summary>
    public int? GpuLayers { get; init; }
}

/// <summary>The shape of a context. Null: the library's default.</summary>
public sealed record ContextOptions
{
    /// <summary>Tokens in all. 0: what the model was trained for.</summary>
    public required int ContextTokens { get; init; }

    /// <summary>Threads for one token at a time; also for batches unless <see cref="BatchThreads"/> is set.</summary>
    public required int Threads { get; init; }

    public int? BatchThreads { get; init; }

    /// <summary>Most tokens that one decode call may be given.</summary>
    public int BatchTokens { get; init; } = 512;

    /// <summary>Most tokens that are computed at once; what a cancel waits for at most.</summary>
    public int MicroBatchTokens { get; init; } = 512;

    /// <summary>Sequences that can be decoded side by side; <see cref="ContextTokens"/> is divided among them.</summary>
    public int MaxSequences { get; init; } = 1;

    public KvType KeyType { get; init; } = KvType.F16;
    public KvType ValueType { get; init; } = KvType.F16;
    public FlashAttention FlashAttention { get; init; } = FlashAttention.Auto;

    /// <summary>Take the memory of its caches over (<see cref="LlamaContext.SlotMemory"/>) instead of having the library allocate and clear it.</summary>
    public bool TakeMemory { get; init; }
}

/// <summary>Types a KV cache can have (ggml_type).</summary>
public enum KvType
{
    F32 = 0,
    F16 = 1,

    /// <summary>Q4_0: blocks of 32 values in 18 bytes.</summary>
    Q4 = 2,

    /// <summary>Q8_0: blocks of 32 values in 34 bytes.</summary>
    Q8 = 8,
    BF16 = 30,
}

/// <summary>llama_flash_attn_type.</summary>
public enum FlashAttention
{
    Auto = -1,
    Off = 0,
    On = 1,
}

/// <summary>How a model turns positions into rotations (llama_rope_type).</summary>
public enum RopeKind
{
    None = -1,
    Normal = 0,
    NeoX = 2,

    /// <summary>Several positions a token (M-RoPE).</summary>
    Multi = 8,
    Interleaved = 40,
    Vision = 24,
}
