using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>What of a reference is wanted, and where else it can be had. Immutable.</summary>
public sealed record PullOptions
{
    /// <summary>Which files of a repository, or null: one GGUF model of it, or where it has none, its safetensors and what belongs to them.</summary>
    public FileSelection? Selection { get; init; }

    /// <summary>Other places that have the files: the address of the one file of weights, or one that ends in a slash and is followed by a file's name.</summary>
    public IReadOnlyList<Uri> Mirrors { get; init; } = [];

    /// <summary>It is to be run: what no runner loads is refused before a byte of it is fetched.</summary>
    public bool MustRun { get; init; }
}
