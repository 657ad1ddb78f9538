using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Files, and folders of files by their names in the manifest, that the owner says have a content. Immutable.</summary>
/// <param name="paths">Absolute.</param>
public sealed class NamedCopies(IReadOnlyList<string> paths) : ILocalCopies
{
    public IEnumerable<LocalCopy> Find(ManifestFile file) =>
        paths.Select(path => Directory.Exists(path) ? Path.Combine(path, file.Name) : path).Where(File.Exists).Select(static path => new LocalCopy(path, path));
}
