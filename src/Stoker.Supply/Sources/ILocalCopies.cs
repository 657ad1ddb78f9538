using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Files on this machine outside the store that should have a content. They belong to somebody else: read, never changed.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Place">Whose it is, for people, e.g. "Ollama's store".</param>
public sealed record LocalCopy(string Path, string Place);

/// <summary>Knows files on this machine by their content. What it says is a hint: whoever uses one verifies it. Thread-safe.</summary>
public interface ILocalCopies
{
    /// <summary>Where a file's content should lie, by its digest or git's name; likely ones first. Never throws for what is not there.</summary>
    IEnumerable<LocalCopy> Find(ManifestFile file);
}

/// <summary>Another program's models on this machine: also knows what a reference means there.</summary>
internal interface ILocalStore : ILocalCopies
{
    /// <summary>What the reference meant when that program fetched it, or null. Nothing is asked of the network.</summary>
    Task<ModelManifest?> FindModelAsync(ModelReference reference, PullOptions options, SourceSession session, ShortNames names, CancellationToken cancellationToken);
}
