using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Llama;

/// <summary>Tokens for one decode call. Not thread-safe.</summary>
public sealed unsafe class LlamaBatch : SafeHandleZeroOrMinusOneIsInvalid
{
    private BatchNative _batch;

    private LlamaBatch(BatchNative batch, int capacity)
        : base(ownsHandle: true)
    {
        _batch = batch;
        Capacity = capacity;
        SetHandle((nint)batch.Tokens);
    }

    /// <summary>Most tokens it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens in it.</summary>
    public int Count => _batch.Count;

    internal BatchNative Native => _batch;

    /// <param name="library">Proof that llama.cpp is loaded.</param>
    public static LlamaBatch Create(LlamaLibrary library, int capacity)
    {
        ArgumentNullException.ThrowIfNull(library);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        var native = LlamaNative.llama_batch_init(capacity, 0, 1);
        native.Count = 0;
        return new LlamaBatch(native, capacity);
    }

    public void Clear() => _batch.Count = 0;

    /// <param name="position">The token's place in its sequence, from 0.</param>
    /// <param name="wantLogits">Compute the logits after this token.</param>
    public void Add(int token, int position, int sequence, bool wantLogits)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (_batch.Count == Capacity) throw new InvalidOperationException($"The batch holds {Capacity} tokens already.");
        var i = _batch.Count++;
        _batch.Tokens[i] = token;
        _batch.Positions[i] = position;
        _batch.SequenceCounts[i] = 1;
        _batch.SequenceIds[i][0] = sequence;
        _batch.WantLogits[i] = wantLogits ? (sbyte)1 : (sbyte)0;
    }

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_batch_free(_batch);
        return true;
    }
}
