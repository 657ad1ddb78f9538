using System.Text.Json.Serialization;

namespace Stoker.Core.Models;

/// <summary>
/// What a reference means, pinned: every file with its size, digest and the places to get it. Written to
/// <c>manifests/&lt;source&gt;/&lt;name&gt;/&lt;tag&gt;.json</c> once all its blobs are there. Immutable.
/// </summary>
public sealed record ModelManifest
{
    /// <summary>The name under which it is listed and asked for, e.g. <c>hf:org/repo:Q4_K_M</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Which kind of origin it came from.</summary>
    public required ModelSourceKind Source { get; init; }

    /// <summary>The commit or tag that the origin named when it was resolved, or null.</summary>
    public string? Revision { get; init; }

    /// <summary>All files, weights in the order of their split numbers. Never empty.</summary>
    public required IReadOnlyList<ManifestFile> Files { get; init; }

    /// <summary>Stop strings and sampling that came with the model (Ollama's params layer), or null.</summary>
    public ModelDefaults? Defaults { get; init; }

    /// <summary>Set for a repository that is kept file by file as it lies at its origin; null for one GGUF model.</summary>
    public FileSelection? Selection { get; init; }

    /// <summary>When the manifest was written; UTC.</summary>
    public DateTimeOffset PulledAt { get; init; }

    /// <summary>Names that people used for it ("qwen2.5:0.5b"), so that the same words find it again.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    [JsonIgnore]
    public long SizeBytes => Files.Sum(static file => file.SizeBytes ?? 0);
}
