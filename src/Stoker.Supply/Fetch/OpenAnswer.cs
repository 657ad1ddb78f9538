using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// An answer that is open before its range is worked on: the one that told the size, or one that was asked for ahead, which holds
/// a connection's slot.
/// </summary>
internal sealed class OpenAnswer(SourceResponse response, Origin origin, int chunkCount, long endBytes, SemaphoreSlim? slot = null) : IDisposable
{
    private SourceResponse? _response = response;

    internal Origin Origin { get; } = origin;

    /// <summary>How many chunks it covers at least in part.</summary>
    internal int ChunkCount { get; } = chunkCount;

    /// <summary>Where it ends, exclusive.</summary>
    internal long EndBytes { get; } = endBytes;

    /// <summary>True: whoever takes it releases a slot afterwards, and waits for none before.</summary>
    internal bool HasSlot => slot is not null;

    internal SourceResponse Take()
    {
        var taken = _response ?? throw new InvalidOperationException("This answer was taken before.");
        _response = null;
        return taken;
    }

    public void Dispose()
    {
        if (_response is null) return;
        _response.Dispose();
        _response = null;
        slot?.Release();
    }
}
