using System.Runtime.InteropServices;

namespace Stoker.Native.Llama;

// Layouts of llama.cpp v0.5.0 on Linux x64 (include/llama.h of that release). LlamaLayouts checks them against the defaults
// that the loaded library returns, so that another build is refused instead of misread.

/// <summary>struct llama_model_params: 80 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal struct ModelParams
{
    [FieldOffset(0)] internal nint Devices;
    [FieldOffset(8)] internal nint TensorBufferOverrides;
    [FieldOffset(16)] internal int GpuLayers;
    [FieldOffset(20)] internal int SplitMode;
    [FieldOffset(24)] internal int LoadMode;
    [FieldOffset(28)] internal int LazyMode;
    [FieldOffset(32)] internal int MainGpu;
    [FieldOffset(40)] internal nint TensorSplit;
    [FieldOffset(48)] internal nint ProgressCallback;
    [FieldOffset(56)] internal nint ProgressUserData;
    [FieldOffset(64)] internal nint KeyValueOverrides;
    [FieldOffset(72)] internal byte VocabOnly;
    [FieldOffset(73)] internal byte CheckTensors;
    [FieldOffset(74)] internal byte UseExtraBufferTypes;
    [FieldOffset(75)] internal byte NoHost;
    [FieldOffset(76)] internal byte NoAlloc;
    [FieldOffset(77)] internal byte LoadMtp;
}

/// <summary>struct llama_context_params: 160 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 160)]
internal struct ContextParams
{
    [FieldOffset(0)] internal uint ContextTokens;
    [FieldOffset(4)] internal uint BatchTokens;
    [FieldOffset(8)] internal uint MicroBatchTokens;
    [FieldOffset(12)] internal uint MaxSequences;
    [FieldOffset(16)] internal uint RecurrentSnapshots;
    [FieldOffset(20)] internal uint MaxOutputs;
    [FieldOffset(24)] internal uint MaxOutputsPerSequence;
    [FieldOffset(28)] internal int Threads;
    [FieldOffset(32)] internal int BatchThreads;
    [FieldOffset(36)] internal int ContextType;
    [FieldOffset(40)] internal int RopeScaling;
    [FieldOffset(44)] internal int Pooling;
    [FieldOffset(48)] internal int Attention;
    [FieldOffset(52)] internal int FlashAttention;
    [FieldOffset(56)] internal float RopeBase;
    [FieldOffset(60)] internal float RopeScale;
    [FieldOffset(64)] internal float YarnExt;
    [FieldOffset(68)] internal float YarnAttention;
    [FieldOffset(72)] internal float YarnBetaFast;
    [FieldOffset(76)] internal float YarnBetaSlow;
    [FieldOffset(80)] internal uint YarnOriginalContext;
    [FieldOffset(84)] internal float DefragThreshold;
    [FieldOffset(88)] internal nint EvalCallback;
    [FieldOffset(96)] internal nint EvalUserData;
    [FieldOffset(104)] internal int KeyType;
    [FieldOffset(108)] internal int ValueType;
    [FieldOffset(112)] internal nint AbortCallback;
    [FieldOffset(120)] internal nint AbortUserData;
    [FieldOffset(128)] internal byte Embeddings;
    [FieldOffset(129)] internal byte OffloadKqv;
    [FieldOffset(130)] internal byte NoPerf;
    [FieldOffset(131)] internal byte OpOffload;
    [FieldOffset(132)] internal byte SwaFull;
    [FieldOffset(133)] internal byte KvUnified;
    [FieldOffset(136)] internal nint Samplers;
    [FieldOffset(144)] internal nuint SamplerCount;
    [FieldOffset(152)] internal nint OtherContext;
}

/// <summary>struct llama_batch: 56 bytes, passed by value.</summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
internal unsafe struct BatchNative
{
    [FieldOffset(0)] internal int Count;
    [FieldOffset(8)] internal int* Tokens;
    [FieldOffset(16)] internal float* Embeddings;
    [FieldOffset(24)] internal int* Positions;
    [FieldOffset(32)] internal int* SequenceCounts;
    [FieldOffset(40)] internal int** SequenceIds;
    [FieldOffset(48)] internal sbyte* WantLogits;
}

/// <summary>struct llama_token_data: 12 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TokenCandidate
{
    internal int Id;
    internal float Logit;
    internal float Probability;
}

/// <summary>struct llama_token_data_array: 32 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal unsafe struct TokenCandidates
{
    [FieldOffset(0)] internal TokenCandidate* Items;
    [FieldOffset(8)] internal nuint Count;
    [FieldOffset(16)] internal long Selected;
    [FieldOffset(24)] internal byte Sorted;
}

/// <summary>struct llama_sampler_chain_params: 1 byte.</summary>
[StructLayout(LayoutKind.Sequential, Size = 1)]
internal struct SamplerChainParams
{
    internal byte NoPerf;
}

/// <summary>struct llama_chat_message: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ChatMessageNative
{
    internal byte* Role;
    internal byte* Content;
}
