using System.Runtime.InteropServices;

namespace Stoker.Native.Llama;

// The structs behind ggml's backend buffers (ggml/src/ggml-backend-impl.h of llama.cpp v0.5.0). They are not its public interface, so
// BufferHook holds them against a buffer that the library itself made before it relies on them.

/// <summary>struct ggml_backend_buffer_type: 64 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BufferTypeNative
{
    internal nint GetName;
    internal nint AllocBuffer;
    internal nint GetAlignment;
    internal nint GetMaxSize;
    internal nint GetAllocSize;
    internal nint IsHost;
    internal nint Device;
    internal nint Context;
}

/// <summary>struct ggml_backend_buffer_i: 11 function pointers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BufferInterface
{
    internal nint FreeBuffer;
    internal nint GetBase;
    internal nint InitTensor;
    internal nint MemsetTensor;
    internal nint SetTensor;
    internal nint GetTensor;
    internal nint SetTensor2d;
    internal nint GetTensor2d;
    internal nint CopyTensor;
    internal nint Clear;
    internal nint Reset;
}

/// <summary>struct ggml_backend_buffer: 120 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct BufferNative
{
    [FieldOffset(0)] internal BufferInterface Interface;
    [FieldOffset(88)] internal nint Type;
    [FieldOffset(96)] internal nint Context;
    [FieldOffset(104)] internal nuint Size;

    /// <summary>0 any, 1 weights, 2 compute.</summary>
    [FieldOffset(112)] internal int Usage;
}
