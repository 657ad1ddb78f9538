using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>How conversations are kept while they are decoded.</summary>
public sealed record KvOptions
{
    public KvMode Mode { get; init; } = KvMode.Auto;

    /// <summary>Tokens that each slot has room for; rounded up to what llama.cpp and the page size ask for.</summary>
    public required int ContextTokens { get; init; }

    /// <summary>Conversations decoded side by side.</summary>
    public int Slots { get; init; } = 1;

    public KvType KeyType { get; init; } = KvType.F16;
    public KvType ValueType { get; init; } = KvType.F16;

    /// <summary>Threads of the computation. The last bits of logits depend on their number.</summary>
    public required int Threads { get; init; }

    /// <summary>Most tokens of one decode call, which are computed at once.</summary>
    public int MicroBatch { get; init; } = 512;

    /// <summary>Where the files of conversations lie; null: there is no such place, so that Auto means memory.</summary>
    public string? SessionsFolder { get; init; }

    /// <summary>The largest state that is copied out of memory, in bytes. Default: what an array holds.</summary>
    public long MostStateBytes { get; init; } = Array.MaxLength;

    /// <summary>
    /// Tokens whose cells stay mapped between two steps, the latest of a conversation; null: all. Every token reads all cells, so the
    /// others are left to the page cache, which the kernel takes first when memory is short, and mapped again for the next one.
    /// </summary>
    public int? WindowTokens { get; init; }

    /// <summary>Layers may lie on a GPU, with their cells.</summary>
    public bool MayOffload { get; init; }

    /// <summary>For tests of the checks that a context in files must pass; null: nothing is changed.</summary>
    internal KvFault? Fault { get; init; }
}

/// <summary>What a test spoils while a context in files is made.</summary>
/// <param name="Asked">What is asked of llama.cpp.</param>
/// <param name="Found">What the caches are taken for.</param>
internal sealed record KvFault(Func<ContextOptions, ContextOptions>? Asked = null, Func<KvShape, KvShape>? Found = null);
