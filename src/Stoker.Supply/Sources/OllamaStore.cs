using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// Ollama's own folder of models: <c>blobs/sha256-HEX</c> and <c>manifests/HOST/NAMESPACE/MODEL/TAG</c>, which are the registry's
/// manifests as they came.
/// </summary>
internal sealed class OllamaStore(string folder) : ILocalStore
{
    private const int MaxManifestBytes = 4 << 20;

    public IEnumerable<LocalCopy> Find(ManifestFile file)
    {
        if (file.Digest is not { } digest) return [];
        // Older releases wrote a colon.
        return new[] { $"sha256-{digest.Hex}", $"sha256:{digest.Hex}" }.Select(name => Path.Combine(folder, "blobs", name)).Where(File.Exists).Select(static path => new LocalCopy(path, "Ollama's store"));
    }

    public async Task<ModelManifest?> FindModelAsync(ModelReference reference, PullOptions options, SourceSession session, ShortNames names, CancellationToken cancellationToken)
    {
        if (reference is not OllamaReference ollama) return null;
        var path = Path.Combine(folder, "manifests", session.Access.OllamaRegistry.Authority, ollama.Namespace, ollama.Model, ollama.Tag);
        if (await ReadAsync(path, MaxManifestBytes, cancellationToken) is not { } body) return null;
        try
        {
            return await OllamaSource.ManifestAsync(ollama, body, session, names, async (_, digest) => await BlobAsync(digest, cancellationToken));
        }
        catch (StokerException torn) when (torn.Kind is ErrorKind.Network or ErrorKind.Corrupt or ErrorKind.NotFound)
        {
            return null; // another program's trouble is no reason not to ask the registry
        }
    }

    private async Task<byte[]> BlobAsync(Digest digest, CancellationToken cancellationToken)
    {
        var copy = Find(new ManifestFile { Name = "layer", Role = FileRole.Other, Digest = digest }).FirstOrDefault();
        return copy is not null && await ReadAsync(copy.Path, OllamaParams.MaxBytes, cancellationToken) is { } body
            ? body
            : throw new StokerException(ErrorKind.NotFound, $"Ollama's store lacks {digest}.");
    }

    private static async Task<byte[]?> ReadAsync(string path, int maxBytes, CancellationToken cancellationToken)
    {
        try
        {
            return new FileInfo(path) is { Exists: true } file && file.Length <= maxBytes ? await File.ReadAllBytesAsync(path, cancellationToken) : null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
