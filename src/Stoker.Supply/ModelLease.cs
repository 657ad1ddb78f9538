using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Supply;

/// <summary>A model whose files stay where they are while this lives. Must be disposed.</summary>
public sealed class ModelLease : IDisposable
{
    private readonly IReadOnlyList<BlobLease> _blobs;

    /// <param name="manifest">The model.</param>
    /// <param name="paths">Of all its files, in the manifest's order.</param>
    /// <param name="blobs">What is held.</param>
    internal ModelLease(ModelManifest manifest, IReadOnlyList<string> paths, IReadOnlyList<BlobLease> blobs)
    {
        Manifest = manifest;
        Paths = paths;
        WeightPaths = [.. paths.Where((_, i) => manifest.Files[i].Role == FileRole.Weights)];
        _blobs = blobs;
    }

    public ModelManifest Manifest { get; }

    /// <summary>Absolute paths of all files in the manifest's order; to be read only.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>Absolute paths of the weights in the order of their split numbers; to be read only.</summary>
    public IReadOnlyList<string> WeightPaths { get; }

    public void Dispose()
    {
        foreach (var blob in _blobs) blob.Dispose();
    }
}

/// <summary>Where a model's files lie, unheld.</summary>
/// <param name="Manifest">The model.</param>
/// <param name="Paths">Of all files in the manifest's order.</param>
/// <param name="IsSettled">False: a file changed since it was verified, and holding it will hash it.</param>
public sealed record ModelPlaces(ModelManifest Manifest, IReadOnlyList<string> Paths, bool IsSettled)
{
    /// <summary>Of the weights in the order of their split numbers.</summary>
    public IReadOnlyList<string> WeightPaths => [.. Paths.Where((_, i) => Manifest.Files[i].Role == FileRole.Weights)];
}

/// <summary>What <c>rm</c> did.</summary>
/// <param name="Manifest">The model that is gone.</param>
/// <param name="FreedBytes">Of the blobs that went with it.</param>
/// <param name="KeptBytes">Of blobs that other models use.</param>
public sealed record RemovedModel(ModelManifest Manifest, long FreedBytes, long KeptBytes);
