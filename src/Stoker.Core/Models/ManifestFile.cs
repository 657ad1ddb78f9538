namespace Stoker.Core.Models;

/// <summary>One file of a model.</summary>
public sealed record ManifestFile
{
    /// <summary>Path inside the origin, with forward slashes, checked: relative, no "..", no control characters.</summary>
    public required string Name { get; init; }

    public required FileRole Role { get; init; }

    /// <summary>Bytes, or null when the origin does not say.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>SHA-256 that the origin states, or the computed one once pulled; null: unknown until verified.</summary>
    public Digest? Digest { get; init; }

    /// <summary>Git blob SHA-1 (40 hex digits) that Hugging Face states for small files outside LFS, or null.</summary>
    public string? GitSha1 { get; init; }

    /// <summary>Where it can be fetched, best first. A local path has the file scheme.</summary>
    public IReadOnlyList<Uri> Origins { get; init; } = [];
}
