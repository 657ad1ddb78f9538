using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>An answer that is open when the ranges are dealt out: the one that told the size.</summary>
internal sealed class OpenAnswer(SourceResponse response, Origin origin, int chunkCount, long endBytes) : IDisposable
{
    private SourceResponse? _response = response;

    internal Origin Origin { get; } = origin;

    /// <summary>How many chunks it covers at least in part.</summary>
    internal int ChunkCount { get; } = chunkCount;

    /// <summary>Where it ends, exclusive.</summary>
    internal long EndBytes { get; } = endBytes;

    internal SourceResponse Take()
    {
        var taken = _response ?? throw new InvalidOperationException("This answer was taken before.");
        _response = null;
        return taken;
    }

    public void Dispose() => _response?.Dispose();
}
