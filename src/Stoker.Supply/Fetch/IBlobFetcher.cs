using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>Brings one file from its origins into the store, verified. Thread-safe.</summary>
public interface IBlobFetcher
{
    /// <summary>Fetches, verifies, publishes.</summary>
    /// <param name="file">What: its origins are tried in order.</param>
    /// <param name="session">The job's connections and tokens.</param>
    /// <param name="report">Told of bytes, a few times a second.</param>
    /// <param name="cancellationToken">Ends it; what is needed to go on later stays.</param>
    /// <returns>A hold on the blob.</returns>
    /// <exception cref="StokerException">Network, Timeout, Corrupt, OutOfSpace, NotFound …: the last origin's reason.</exception>
    Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken);
}

/// <summary>How far one file is.</summary>
/// <param name="DoneBytes">Bytes that are here.</param>
/// <param name="TotalBytes">Bytes in all, or null while unknown.</param>
public readonly record struct FetchReport(long DoneBytes, long? TotalBytes)
{
    /// <summary>The bytes were on this machine: none came over a network.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Whose copy on this machine it was taken from, or null.</summary>
    public string? Place { get; init; }

    /// <summary>Hosts that bytes come from right now.</summary>
    public IReadOnlyList<string>? Sources { get; init; }

    /// <summary>A short note for people, or null.</summary>
    public string? Note { get; init; }
}
