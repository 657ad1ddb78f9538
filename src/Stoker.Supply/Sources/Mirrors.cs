using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Adds other places to a manifest's files. Only where the digest is known: it alone tells a mirror from a liar. Pure.</summary>
public static class Mirrors
{
    /// <summary>The manifest with the mirrors that were typed, and those that the model was pulled with before.</summary>
    /// <exception cref="StokerException">InvalidInput: a mirror of something that cannot have one.</exception>
    public static ModelManifest Add(ModelManifest manifest, IReadOnlyList<Uri> mirrors, ModelManifest? before)
    {
        foreach (var mirror in mirrors)
        {
            var weights = manifest.Files.Where(static file => file.Role == FileRole.Weights).ToList();
            if (!IsFolder(mirror) && weights.Count != 1)
                throw new StokerException(ErrorKind.InvalidInput, $"{manifest.Name} has {weights.Count} files of weights, so a mirror is named by its folder: end it with a slash.");
            if (weights.TrueForAll(static file => file.Digest is null))
                throw new StokerException(ErrorKind.InvalidInput, $"Nobody states the digest of {manifest.Name}, so a mirror's bytes could not be trusted: give it with --sha256.");
        }
        return manifest with { Files = [.. manifest.Files.Select(file => file.Digest is null ? file : file with { Origins = [.. file.Origins.Concat(Of(file, mirrors)).Concat(Kept(file, before)).Distinct()] })] };
    }

    private static IEnumerable<Uri> Of(ManifestFile file, IReadOnlyList<Uri> mirrors) => mirrors.Where(mirror => IsFolder(mirror) || file.Role == FileRole.Weights)
        .Select(mirror => IsFolder(mirror) ? new Uri(mirror, string.Join('/', file.Name.Split('/').Select(Uri.EscapeDataString))) : mirror);

    // Of the same content, at another host than the origin's own, whose addresses change with each commit.
    private static IEnumerable<Uri> Kept(ManifestFile file, ModelManifest? before) => (before?.Files ?? [])
        .Where(old => old.Digest == file.Digest).SelectMany(static old => old.Origins).Where(old => !file.Origins.Any(origin => origin.Authority == old.Authority));

    private static bool IsFolder(Uri mirror) => mirror.AbsolutePath.EndsWith('/');
}
