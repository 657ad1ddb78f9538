using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Resolves against an Ollama-like registry: its manifest's layers become files; the params layer becomes defaults.</summary>
internal static class OllamaSource
{
    private const int MaxManifestBytes = 4 << 20;
    private const int MaxLayers = 1000;
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";
    private const string LayerType = "application/vnd.ollama.image.";

    internal static async Task<ModelManifest> ResolveAsync(OllamaReference reference, SourceSession session, ShortNames names, CancellationToken cancellationToken)
    {
        var repository = new Uri(session.Access.OllamaRegistry, $"v2/{reference.Namespace}/{reference.Model}/");
        var address = new Uri(repository, $"manifests/{reference.Tag}");
        var document = await session.GetDocumentAsync(address, MaxManifestBytes, ManifestType, cancellationToken);
        return await ManifestAsync(reference, document.Body, session, names, (blob, digest) => SmallBlobAsync(session, blob, digest, cancellationToken));
    }

    /// <summary>What a manifest of the registry means; <paramref name="read"/> gives a small blob by its address or digest.</summary>
    internal static async Task<ModelManifest> ManifestAsync(OllamaReference reference, byte[] body, SourceSession session, ShortNames names, Func<Uri, Digest, Task<byte[]>> read)
    {
        var repository = new Uri(session.Access.OllamaRegistry, $"v2/{reference.Namespace}/{reference.Model}/");
        var address = new Uri(repository, $"manifests/{reference.Tag}");
        var manifest = Parse(body, address);
        var files = new List<ManifestFile>();
        ModelDefaults? defaults = null;
        foreach (var layer in manifest.Layers!)
        {
            var (kind, digest, size) = Check(layer, address);
            if (kind is "tensor" or "json" or "adapter") throw NotLoadable(reference, names, kind == "adapter" ? "it is an adapter for another model" : "its weights are not a GGUF file");
            var blob = new Uri(repository, $"blobs/{digest}");
            if (kind == "params") defaults = OllamaParams.Parse(await read(blob, digest), reference.Canonical);
            files.Add(new ManifestFile { Name = NameOf(kind, digest, files), Role = RoleOf(kind), SizeBytes = size, Digest = digest, Origins = [blob] });
        }
        if (!files.Any(static file => file.Role == FileRole.Weights)) throw NotLoadable(reference, names, "it has no weights");
        return new ModelManifest
        {
            Name = reference.Canonical,
            Source = ModelSourceKind.Ollama,
            Revision = Digest.FromBytes(System.Security.Cryptography.SHA256.HashData(body)).ToString(),
            Files = [.. files.OrderBy(static file => file.Role == FileRole.Weights ? 0 : 1)],
            Defaults = defaults,
        };
    }

    /// <summary>The error for a model of this registry that the stock library cannot load.</summary>
    internal static StokerException NotLoadable(OllamaReference reference, ShortNames names, string reason)
    {
        var known = reference.Namespace == OllamaReference.DefaultNamespace ? names.Find(new ShortReference(reference.Model, reference.Tag)) : null;
        var instead = known?.HuggingFace is { } repo ? $"Try hf:{repo}" : $"Look for a GGUF of {reference.Model} on Hugging Face and try hf:org/repo";
        return new StokerException(ErrorKind.Unsupported, $"{reference.Canonical} cannot be loaded by the stock llama.cpp library: {reason}. {instead}.");
    }

    private static async Task<byte[]> SmallBlobAsync(SourceSession session, Uri blob, Digest digest, CancellationToken cancellationToken)
    {
        var document = await session.GetDocumentAsync(blob, OllamaParams.MaxBytes, null, cancellationToken);
        var actual = Digest.FromBytes(System.Security.Cryptography.SHA256.HashData(document.Body));
        return actual == digest
            ? document.Body
            : throw new SourceException(ErrorKind.Corrupt, $"{SourceSession.Shown(blob)} is not what its digest says (it is {actual}).", canRetry: false);
    }

    private static OllamaManifest Parse(byte[] body, Uri address)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize(body, OllamaJson.Default.OllamaManifest);
            return manifest?.Layers is { Count: > 0 and <= MaxLayers } ? manifest : throw Nonsense(address, "no layers, or too many");
        }
        catch (JsonException)
        {
            throw Nonsense(address, "something that is no manifest");
        }
    }

    private static (string Kind, Digest Digest, long Size) Check(OllamaLayer? layer, Uri address)
    {
        if (layer?.MediaType is not { } type) throw Nonsense(address, "a layer without a type");
        if (!Digest.TryParse(layer.Digest, out var digest))
            throw new SourceException(ErrorKind.Corrupt, $"{SourceSession.Shown(address)} names a layer by '{Printable.Short(layer.Digest, 90)}', which is no digest (sha256: and 64 lower-case hex digits).", canRetry: false);
        if (layer.Size < 0) throw Nonsense(address, "a layer of negative size");
        return (type.StartsWith(LayerType, StringComparison.Ordinal) ? type[LayerType.Length..] : "other", digest.Value, layer.Size);
    }

    private static string NameOf(string kind, Digest digest, List<ManifestFile> files)
    {
        var name = kind switch { "model" => "model.gguf", "projector" => "mmproj.gguf", "params" => "params.json", "template" or "license" or "system" or "messages" => kind, _ => "layer" };
        return files.Any(file => file.Name == name) ? $"{name}-{digest.Hex[..12]}" : name;
    }

    private static FileRole RoleOf(string kind) => kind switch
    {
        "model" => FileRole.Weights,
        "projector" => FileRole.Projector,
        "params" => FileRole.Params,
        "template" => FileRole.Template,
        "license" => FileRole.License,
        _ => FileRole.Other,
    };

    private static SourceException Nonsense(Uri address, string what) =>
        new(ErrorKind.Network, $"{SourceSession.Shown(address)} answers with {what}.", canRetry: false);
}

internal sealed record OllamaManifest(int SchemaVersion, IReadOnlyList<OllamaLayer?>? Layers);

internal sealed record OllamaLayer(string? MediaType, string? Digest, long Size);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, MaxDepth = 32)]
[JsonSerializable(typeof(OllamaManifest))]
internal sealed partial class OllamaJson : JsonSerializerContext;
