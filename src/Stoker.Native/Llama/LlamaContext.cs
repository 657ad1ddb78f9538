using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Llama;

/// <summary>How a decode call ended.</summary>
public enum DecodeResult
{
    Done,

    /// <summary>No room in the context for the batch; the context is as before the call.</summary>
    NoRoom,

    /// <summary>Stopped by <see cref="LlamaContext.Abort"/>; whole micro-batches before it are kept.</summary>
    Aborted,

    /// <summary>The batch is not one (positions, sequences); the context is as before the call.</summary>
    Invalid,

    /// <summary>The computation failed.</summary>
    Failed,
}

/// <summary>
/// One context of a model: its KV cache and its compute buffers. Holds its model. Not thread-safe, except for
/// <see cref="Abort"/>: use it from the one thread that decodes.
/// </summary>
public sealed unsafe class LlamaContext : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly LlamaLibrary _library;
    private readonly LlamaModel _model;
    private readonly int* _abort;
    private nint _memory;

    private LlamaContext(LlamaLibrary library, LlamaModel model, int* abort)
        : base(ownsHandle: true)
    {
        _library = library;
        _model = model;
        _abort = abort;
        VocabularySize = model.VocabularySize;
    }

    public LlamaModel Model => _model;

    /// <summary>Tokens it really holds (llama.cpp rounds up to 256).</summary>
    public int ContextTokens => (int)LlamaNative.llama_n_ctx(this);

    /// <summary>Tokens that each sequence has room for.</summary>
    public int SequenceTokens => (int)LlamaNative.llama_n_ctx_seq(this);
    public int BatchTokens => (int)LlamaNative.llama_n_batch(this);
    public int MicroBatchTokens => (int)LlamaNative.llama_n_ubatch(this);

    /// <summary>The memory of its caches, if <see cref="ContextOptions.TakeMemory"/> asked for it.</summary>
    public SlotMemory? SlotMemory { get; private set; }

    /// <summary>Length of a row of logits.</summary>
    public int VocabularySize { get; }

    /// <exception cref="LlamaException">Context: not enough memory, or options that the model cannot have.</exception>
    public static LlamaContext Create(LlamaLibrary library, LlamaModel model, ContextOptions options)
    {
        var parameters = LlamaNative.llama_context_default_params();
        parameters.ContextTokens = checked((uint)options.ContextTokens);
        parameters.BatchTokens = checked((uint)options.BatchTokens);
        parameters.MicroBatchTokens = checked((uint)options.MicroBatchTokens);
        parameters.MaxSequences = checked((uint)options.MaxSequences);
        parameters.Threads = options.Threads;
        parameters.BatchThreads = options.BatchThreads ?? options.Threads;
        parameters.KeyType = (int)options.KeyType;
        parameters.ValueType = (int)options.ValueType;
        parameters.FlashAttention = (int)options.FlashAttention;
        var abort = (int*)NativeMemory.AllocZeroed(sizeof(int));
        parameters.AbortCallback = (nint)(delegate* unmanaged[Cdecl]<void*, byte>)&OnAbortAsked;
        parameters.AbortUserData = (nint)abort;

        library.Log.Clear();
        var context = new LlamaContext(library, model, abort);
        var referenced = false;
        try
        {
            model.DangerousAddRef(ref referenced);
            var memory = options.TakeMemory ? new SlotMemory(options.MaxSequences) : null;
            context.SetHandle(memory is null
                ? LlamaNative.llama_init_from_model(model, parameters)
                : BufferHook.Run(memory, () => LlamaNative.llama_init_from_model(model, parameters)));
            if (context.IsInvalid)
            {
                throw new LlamaException(LlamaFailure.Context, $"llama.cpp makes no context of {options.ContextTokens} tokens: {memory?.Problem ?? library.Log.Reason()}");
            }
            memory?.Finish();
            context.SlotMemory = memory;
        }
        catch
        {
            // ReleaseHandle runs only for valid handles: what it would free is freed here.
            if (context.IsInvalid)
            {
                if (referenced) model.DangerousRelease();
                NativeMemory.Free(abort);
            }
            context.Dispose();
            throw;
        }
        context._memory = LlamaNative.llama_get_memory(context);
        return context;
    }

    /// <summary>Runs the batch. Blocks for as long as the computation takes.</summary>
    public DecodeResult Decode(LlamaBatch batch)
    {
        if (batch.Count == 0) return DecodeResult.Done;
        var result = LlamaNative.llama_decode(this, batch.Native);
        GC.KeepAlive(batch);
        return result switch
        {
            0 => DecodeResult.Done,
            1 => DecodeResult.NoRoom,
            2 => DecodeResult.Aborted,
            -1 => DecodeResult.Invalid,
            _ => DecodeResult.Failed,
        };
    }

    /// <summary>
    /// The logits after the batch's i-th token (which must have wanted them), <see cref="VocabularySize"/> long. Valid until the
    /// next decode.
    /// </summary>
    public ReadOnlySpan<float> Logits(int batchIndex)
    {
        var logits = LlamaNative.llama_get_logits_ith(this, batchIndex);
        return logits != null
            ? new ReadOnlySpan<float>(logits, VocabularySize)
            : throw new InvalidOperationException($"Token {batchIndex} of the batch has no logits.");
    }

    /// <summary>Lets a running decode end as soon as it can, and every later one at once. Thread-safe.</summary>
    public void Abort() => Volatile.Write(ref *_abort, 1);

    /// <summary>Allows decoding again after <see cref="Abort"/>.</summary>
    public void ResetAbort() => Volatile.Write(ref *_abort, 0);

    /// <summary>Forgets all sequences. The cache's memory stays as it is.</summary>
    public void Clear()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (_memory != 0) LlamaNative.llama_memory_clear(_memory, 0);
    }

    /// <summary>Forgets a sequence from a position on. False when the model's kind of memory cannot cut there.</summary>
    public bool TryTruncate(int sequence, int fromPosition)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        return _memory == 0 || LlamaNative.llama_memory_seq_rm(_memory, sequence, fromPosition, -1) != 0;
    }

    /// <summary>The first position that a sequence has, or -1. Above 0 where a sliding window has lost the oldest.</summary>
    public int FirstPosition(int sequence)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        return _memory == 0 ? -1 : LlamaNative.llama_memory_seq_pos_min(_memory, sequence);
    }

    /// <summary>The last position that a sequence has, or -1.</summary>
    public int LastPosition(int sequence)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        return _memory == 0 ? -1 : LlamaNative.llama_memory_seq_pos_max(_memory, sequence);
    }

    /// <summary>Bytes of a sequence's whole state, cells included.</summary>
    public long StateBytes(int sequence) => (long)LlamaNative.llama_state_seq_get_size(this, sequence);

    /// <summary>Copies a sequence's whole state, cells included, out of the context.</summary>
    /// <exception cref="LlamaException">Argument: it is larger than an array can be. Decode: the library does not hand it out.</exception>
    public byte[] CopyState(int sequence)
    {
        var size = StateBytes(sequence);
        if (size > Array.MaxLength)
            throw new LlamaException(LlamaFailure.Argument, $"The state of sequence {sequence} is {size} bytes: more than can be copied in one piece.");
        var state = new byte[size];
        fixed (byte* output = state)
        {
            if ((long)LlamaNative.llama_state_seq_get_data(this, output, (nuint)size, sequence) == size) return state;
        }
        throw new LlamaException(LlamaFailure.Decode, $"llama.cpp does not hand out the state of sequence {sequence}.");
    }

    /// <summary>Puts a state that <see cref="CopyState"/> made (of any sequence) into a sequence, in place of what it had.</summary>
    /// <exception cref="LlamaException">Argument: refused; the sequence is empty then.</exception>
    public void PutState(int sequence, ReadOnlySpan<byte> state)
    {
        fixed (byte* input = state) PutState(sequence, input, (nuint)state.Length);
    }

    /// <summary>Fills a sequence from a file that llama_state_seq_save_file (or llama-server's slot save) wrote.</summary>
    /// <returns>Tokens of the sequence.</returns>
    /// <exception cref="LlamaException">Argument: refused; the sequence is empty then.</exception>
    public int[] LoadState(int sequence, string path)
    {
        _library.Log.Clear();
        var tokens = new int[SequenceTokens];
        nuint count = 0;
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
        fixed (int* output = tokens)
        {
            if (LlamaNative.llama_state_seq_load_file(this, name, sequence, output, (nuint)tokens.Length, &count) != 0) return tokens.AsSpan(0, (int)count).ToArray();
        }
        _ = TryTruncate(sequence, 0);
        throw new LlamaException(LlamaFailure.Argument, $"llama.cpp does not load {path}: {_library.Log.Reason()}");
    }

    /// <summary>Writes a sequence's whole state, cells included, into a file for <see cref="LoadState"/>.</summary>
    /// <param name="tokens">Of the sequence.</param>
    /// <exception cref="LlamaException">Argument: it could not be written.</exception>
    public void SaveState(int sequence, string path, ReadOnlySpan<int> tokens)
    {
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
        fixed (int* all = tokens)
        {
            if (LlamaNative.llama_state_seq_save_file(this, name, sequence, all, (nuint)tokens.Length) == 0)
                throw new LlamaException(LlamaFailure.Argument, $"llama.cpp does not write the state to {path}.");
        }
    }

    internal void PutState(int sequence, byte* state, nuint length)
    {
        _library.Log.Clear();
        if (LlamaNative.llama_state_seq_set_data(this, state, length, sequence) == length) return;
        _ = TryTruncate(sequence, 0);
        throw new LlamaException(LlamaFailure.Argument, $"llama.cpp does not take the state: {_library.Log.Reason()}");
    }

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_free(handle);
        NativeMemory.Free(_abort);
        _model.DangerousRelease();
        return true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte OnAbortAsked(void* flag) => Volatile.Read(ref *(int*)flag) != 0 ? (byte)1 : (byte)0;
}
