using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>A file that a pull will bring.</summary>
/// <param name="Key">Names its partial download.</param>
/// <param name="Digest">Its content, when that is known.</param>
/// <param name="SizeBytes">Its size; 0 when not known.</param>
public sealed record ExpectedBlob(Digest Key, Digest? Digest, long SizeBytes)
{
    /// <summary>Its bytes are on this machine: it counts in the store, but may need no room of its own on the disk.</summary>
    public bool IsHere { get; init; }

    /// <summary>The files of its partial download.</summary>
    public IEnumerable<string> PartialNames => [$"{Key.Hex}.part", $"{Key.Hex}.journal"];
}
