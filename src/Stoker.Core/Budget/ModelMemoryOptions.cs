using Stoker.Core.Formats.Gguf;

namespace Stoker.Core.Budget;

/// <summary>How a model is going to be loaded, as far as memory depends on it.</summary>
public sealed record ModelMemoryOptions
{
    /// <summary>Context in tokens, of each slot.</summary>
    public required int ContextTokens { get; init; }

    /// <summary>Type of the cache's keys.</summary>
    public GgmlType KeyType { get; init; } = GgmlType.F16;

    /// <summary>Type of the cache's values.</summary>
    public GgmlType ValueType { get; init; } = GgmlType.F16;

    /// <summary>Weights stay in the file and are mapped.</summary>
    public bool UseMmap { get; init; } = true;

    /// <summary>libllama copies matrices into the processor's favourite order (on by default).</summary>
    public bool Repack { get; init; } = true;

    /// <summary>Tokens of a micro-batch.</summary>
    public int MicroBatchTokens { get; init; } = 512;

    /// <summary>Conversations decoded side by side, each with a cache of its own.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Keys and values lie in files that the kernel may drop; recurrent state never does.</summary>
    public bool CacheInFiles { get; init; }
}
