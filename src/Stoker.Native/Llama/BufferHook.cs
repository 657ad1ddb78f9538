using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stoker.Native.Llama;

/// <summary>
/// Redirects the CPU buffer type's allocation while a context is made, so that its memory can be taken over page by page. The hook
/// is one function pointer in the library's data; it is set for the duration of one call, and other threads fall through.
/// </summary>
internal static unsafe class BufferHook
{
    private const nuint LeastBytes = 4096;

    private static readonly Lock InstallLock = new();
    private static readonly ConcurrentDictionary<nint, (SlotMemory Owner, CacheBuffer Buffer)> Buffers = new();
    private static BufferInterface _stock;
    private static nint _stockAlloc;
    private static bool _stockKnown;

    [ThreadStatic]
    private static SlotMemory? _current;

    /// <summary>Runs <paramref name="create"/> with every buffer that it makes of the CPU type belonging to <paramref name="memory"/>.</summary>
    /// <exception cref="LlamaException">Context: this build's buffers are not laid out as known; nothing was changed.</exception>
    internal static nint Run(SlotMemory memory, Func<nint> create)
    {
        lock (InstallLock)
        {
            var type = (BufferTypeNative*)LlamaNative.ggml_backend_cpu_buffer_type();
            LearnStock(type);
            _stockAlloc = type->AllocBuffer;
            _current = memory;
            type->AllocBuffer = (nint)(delegate* unmanaged[Cdecl]<nint, nuint, nint>)&Alloc;
            try
            {
                return create();
            }
            finally
            {
                type->AllocBuffer = _stockAlloc;
                _current = null;
            }
        }
    }

    // A throw-away buffer that the library makes is the proof of the layout, and has the functions that ours fall back on.
    private static void LearnStock(BufferTypeNative* type)
    {
        if (_stockKnown) return;
        const nuint size = 256;
        var buffer = (BufferNative*)LlamaNative.ggml_backend_buft_alloc_buffer((nint)type, size);
        if (buffer == null) throw new LlamaException(LlamaFailure.Context, "llama.cpp makes no buffer of 256 bytes.");
        var fits = IsAsKnown(*buffer, (nint)type, size, LlamaNative.ggml_backend_buffer_get_base((nint)buffer));
        if (fits) _stock = buffer->Interface;
        LlamaNative.ggml_backend_buffer_free((nint)buffer);
        if (!fits) throw new LlamaException(LlamaFailure.Context, "ggml's buffers are not laid out as in the known release.");
        _stockKnown = true;
    }

    /// <summary>Whether a buffer that the library made has everything where it is known to be. Pure.</summary>
    /// <param name="address">Of its memory, as the library says.</param>
    internal static bool IsAsKnown(in BufferNative buffer, nint type, nuint size, nint address)
    {
        var alignedContext = (buffer.Context + 31) & ~31;
        return sizeof(BufferTypeNative) == 64 && sizeof(BufferInterface) == 88 && sizeof(BufferNative) == 120
            && buffer.Type == type && buffer.Size == size && buffer.Usage == 0
            && address == alignedContext
            && buffer.Interface is { FreeBuffer: not 0, GetBase: not 0, SetTensor: not 0, GetTensor: not 0, Clear: not 0 };
    }

    // None of the functions below may let an exception out: they are called from C++.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Alloc(nint type, nuint size)
    {
        if (_current is not { } owner || size < LeastBytes) return ((delegate* unmanaged[Cdecl]<nint, nuint, nint>)_stockAlloc)(type, size);
        try
        {
            var buffer = owner.AddBuffer(size);
            var functions = _stock;
            functions.FreeBuffer = (nint)(delegate* unmanaged[Cdecl]<nint, void>)&Free;
            functions.InitTensor = (nint)(delegate* unmanaged[Cdecl]<nint, nint, int>)&InitTensor;
            functions.SetTensor = (nint)(delegate* unmanaged[Cdecl]<nint, nint, void*, nuint, nuint, void>)&SetTensor;
            functions.GetTensor = (nint)(delegate* unmanaged[Cdecl]<nint, nint, void*, nuint, nuint, void>)&GetTensor;
            functions.Clear = (nint)(delegate* unmanaged[Cdecl]<nint, byte, void>)&Clear;
            functions.Reset = 0;
            buffer.Native = LlamaNative.ggml_backend_buffer_init(type, functions, buffer.Address, size);
            Buffers[buffer.Native] = (owner, buffer);
            return buffer.Native;
        }
        catch (Exception error)
        {
            owner.Problem ??= error.Message;
            return 0;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int InitTensor(nint buffer, nint tensor)
    {
        const int success = 0, failed = -1;
        if (!Buffers.TryGetValue(buffer, out var known)) return failed;
        try
        {
            var name = Marshal.PtrToStringUTF8((nint)LlamaNative.ggml_get_name(tensor)) ?? "";
            known.Owner.AddTensor(known.Buffer, name, LlamaNative.ggml_get_data(tensor), LlamaNative.ggml_nbytes(tensor));
            // Work memory gets new tensors with every graph: no more calls for those.
            if (known.Buffer.Kind != CacheKind.Attention) Forget(buffer);
            return success;
        }
        catch (Exception error)
        {
            known.Owner.Problem ??= error.Message;
            return failed;
        }
    }

    /// <summary>The context is made: no more calls for the views of each graph, and plain access where nothing is recorded.</summary>
    internal static void Forget(nint buffer)
    {
        var native = (BufferNative*)buffer;
        native->Interface.InitTensor = 0;
        if (Buffers[buffer].Buffer.Kind == CacheKind.Attention) return;
        native->Interface.SetTensor = _stock.SetTensor;
        native->Interface.GetTensor = _stock.GetTensor;
    }

    internal static bool IsWorkMemory(nint buffer)
    {
        const int compute = 2; // GGML_BACKEND_BUFFER_USAGE_COMPUTE
        return ((BufferNative*)buffer)->Usage == compute;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void SetTensor(nint buffer, nint tensor, void* input, nuint offset, nuint size)
    {
        if (Record(buffer, tensor, input, offset, size)) return;
        ((delegate* unmanaged[Cdecl]<nint, nint, void*, nuint, nuint, void>)_stock.SetTensor)(buffer, tensor, input, offset, size);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void GetTensor(nint buffer, nint tensor, void* output, nuint offset, nuint size)
    {
        if (Record(buffer, tensor, output, offset, size)) return;
        ((delegate* unmanaged[Cdecl]<nint, nint, void*, nuint, nuint, void>)_stock.GetTensor)(buffer, tensor, output, offset, size);
    }

    private static bool Record(nint buffer, nint tensor, void* host, nuint offset, nuint size) =>
        Buffers.TryGetValue(buffer, out var known) && known.Owner.TryRecord(LlamaNative.ggml_get_data(tensor) + (nint)offset, (long)size, (nint)host);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Clear(nint buffer, byte value)
    {
        if (!Buffers.TryGetValue(buffer, out var known)) return;
        // Fresh pages are zero. Later it would wipe the files of every conversation in a slot, and cells that nobody has are never
        // read: so it does nothing there.
        var isFresh = !known.Buffer.WasCleared && value == 0;
        known.Buffer.WasCleared = true;
        if (isFresh || known.Buffer.Kind == CacheKind.Attention) return;
        NativeMemory.Fill((void*)known.Buffer.Address, known.Buffer.Size, value);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(nint buffer)
    {
        if (Buffers.TryRemove(buffer, out var known)) known.Owner.RemoveBuffer(known.Buffer);
    }
}
