using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>What a download knows before it begins.</summary>
/// <param name="SizeBytes">Of the blob.</param>
/// <param name="Known">What later answers must agree with.</param>
/// <param name="Done">True for chunks that are here; their sums stand in <paramref name="Sums"/>.</param>
/// <param name="Sums">Of every chunk that is here.</param>
/// <param name="GivenBy">The number of the origin that gave each chunk.</param>
/// <param name="Map">The sums that chunks must have, when they are known.</param>
internal sealed record DownloadStart(long SizeBytes, Validators Known, bool[] Done, ChunkSums[] Sums, byte[] GivenBy, ChunkMap? Map)
{
    /// <summary>The whole will be compared with a digest.</summary>
    internal bool IsDigestKnown { get; init; }
}
