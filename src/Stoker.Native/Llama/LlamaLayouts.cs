using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stoker.Native.Llama;

/// <summary>
/// Checks our struct layouts against the library in memory. Its default-parameter functions write into two buffers that were
/// filled differently: what both agree on was written, so extent and padding show; then the known defaults must stand in the
/// fields where we expect them. A build with a field more or less is refused here instead of being misread later.
/// </summary>
internal static unsafe class LlamaLayouts
{
    private const int BufferSize = 1024;

    /// <summary>Null when every layout fits; else what does not.</summary>
    internal static string? FindMismatch(nint library)
    {
        if (sizeof(BatchNative) != 56 || sizeof(TokenCandidates) != 32 || sizeof(TokenCandidate) != 12 || sizeof(ChatMessageNative) != 16)
            return "this build of Stoker has other struct sizes than Linux x64";
        return FindModelMismatch(NativeLibrary.GetExport(library, "llama_model_default_params"))
            ?? FindContextMismatch(NativeLibrary.GetExport(library, "llama_context_default_params"));
    }

    private static string? FindModelMismatch(nint function)
    {
        var written = WrittenBytes(function, out var bytes);
        if (FindExtentMismatch(written, "llama_model_params", sizeof(ModelParams), [36, 37, 38, 39, 78, 79]) is { } extent) return extent;
        var p = Unsafe.ReadUnaligned<ModelParams>(ref bytes[0]);
        var fits = p is
        {
            Devices: 0, TensorBufferOverrides: 0, GpuLayers: -1, SplitMode: 1, LoadMode: -1, LazyMode: 1, MainGpu: 0, TensorSplit: 0,
            ProgressCallback: 0, ProgressUserData: 0, KeyValueOverrides: 0,
            VocabOnly: 0, CheckTensors: 0, UseExtraBufferTypes: 1, NoHost: 0, NoAlloc: 0, LoadMtp: 0,
        };
        return fits ? null : "llama_model_params has other fields";
    }

    private static string? FindContextMismatch(nint function)
    {
        var written = WrittenBytes(function, out var bytes);
        if (FindExtentMismatch(written, "llama_context_params", sizeof(ContextParams), [134, 135]) is { } extent) return extent;
        var p = Unsafe.ReadUnaligned<ContextParams>(ref bytes[0]);
        var fits = p is
        {
            ContextTokens: 512, BatchTokens: 2048, MicroBatchTokens: 512, MaxSequences: 1, RecurrentSnapshots: 0, MaxOutputs: 0,
            MaxOutputsPerSequence: 1, Threads: 4, BatchThreads: 4, ContextType: 0, RopeScaling: -1, Pooling: -1, Attention: -1,
            FlashAttention: -1, RopeBase: 0, RopeScale: 0, YarnExt: -1, YarnAttention: -1, YarnBetaFast: -1, YarnBetaSlow: -1,
            YarnOriginalContext: 0, DefragThreshold: -1, EvalCallback: 0, EvalUserData: 0, KeyType: 1, ValueType: 1,
            AbortCallback: 0, AbortUserData: 0, Embeddings: 0, OffloadKqv: 1, NoPerf: 1, OpOffload: 1, SwaFull: 1, KvUnified: 0,
            Samplers: 0, SamplerCount: 0, OtherContext: 0,
        };
        return fits ? null : "llama_context_params has other fields";
    }

    // A struct larger than 16 bytes is returned through a hidden first argument (System V ABI, x86-64), so the function can be
    // called as one that takes the buffer.
    private static bool[] WrittenBytes(nint function, out byte[] bytes)
    {
        var call = (delegate* unmanaged[Cdecl]<void*, void*>)function;
        var first = new byte[BufferSize];
        var second = new byte[BufferSize];
        first.AsSpan().Fill(0xA5);
        second.AsSpan().Fill(0x5A);
        fixed (byte* p = first) call(p);
        fixed (byte* p = second) call(p);
        var written = new bool[BufferSize];
        for (var i = 0; i < BufferSize; i++) written[i] = first[i] == second[i];
        bytes = first;
        return written;
    }

    private static string? FindExtentMismatch(bool[] written, string name, int size, ReadOnlySpan<int> padding)
    {
        for (var i = 0; i < BufferSize; i++)
        {
            if (written[i] && i >= size) return $"{name} is larger than {size} bytes";
            if (!written[i] && i < size && !padding.Contains(i)) return $"{name} is not {size} bytes of the known fields (byte {i} is not set)";
        }
        return null;
    }
}
