namespace Stoker.Native.Llama;

/// <summary>What a buffer of a context is for.</summary>
internal enum CacheKind
{
    /// <summary>No tensor was put into it while the context was made: outputs, and work memory.</summary>
    Unknown,

    /// <summary>Keys and values.</summary>
    Attention,

    /// <summary>States that every token rewrites.</summary>
    Recurrent,

    /// <summary>Intermediate results of a graph.</summary>
    Work,
}

/// <summary>One buffer that <see cref="BufferHook"/> made: anonymous pages that take no memory until they are written.</summary>
internal sealed class CacheBuffer(nint address, nuint size, nuint mappedSize)
{
    internal nint Address { get; } = address;
    internal nuint Size { get; } = size;
    internal nuint MappedSize { get; } = mappedSize;
    internal nint Native { get; set; }
    internal CacheKind Kind { get; set; }
    internal bool WasCleared { get; set; }
}

/// <summary>Keys or values of one layer, for all slots: slot after slot.</summary>
/// <param name="Name">llama.cpp's name.</param>
/// <param name="Cache">The how-many-th attention cache of the context it belongs to, from 0.</param>
/// <param name="SlotBytes">Bytes of one slot.</param>
public sealed record SlotTensor(string Name, int Cache, long SlotBytes)
{
    internal nint Address { get; init; }
}

/// <summary>A piece of a tensor that the state functions wanted to read or write, and that stayed where it is.</summary>
/// <param name="Tensor">Index in <see cref="SlotMemory.Tensors"/>.</param>
/// <param name="Offset">In the slot, in bytes.</param>
public readonly record struct StateRange(int Tensor, int Slot, long Offset, long Length);

/// <summary>A sequence's state without what lies in the cache: the rest of its bytes, and what was left out.</summary>
/// <param name="SizeBytes">Of the whole.</param>
/// <param name="Parts">Bytes with their places, ascending.</param>
/// <param name="Ranges">In the order in which the library names them.</param>
public sealed record SparseState(long SizeBytes, IReadOnlyList<(long At, ReadOnlyMemory<byte> Bytes)> Parts, IReadOnlyList<StateRange> Ranges);
