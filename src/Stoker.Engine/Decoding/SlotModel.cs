using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>What the loop knows of its model.</summary>
internal sealed record SlotModel(LlamaLibrary Library, LlamaModel Model, int ContextTokens, Func<int, byte[]> BytesOf, Func<uint> NewSeed);
