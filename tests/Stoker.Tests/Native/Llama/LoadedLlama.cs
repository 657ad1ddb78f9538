using Stoker.Native.Llama;

namespace Stoker.Tests.Native.Llama;

/// <summary>llama.cpp, loaded once for all tests of this process.</summary>
internal static class LoadedLlama
{
    public static LlamaLibrary Library { get; } = Load();

    private static LlamaLibrary Load() =>
        LlamaLibrary.TryLoad(LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory), new LlamaLog(), out var library, out var reason)
            ? library
            : throw new InvalidOperationException(reason);
}
