using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>A hold on a complete, verified, immutable blob: while it lives the blob is not removed. Must be disposed.</summary>
public sealed class BlobLease : IDisposable
{
    private readonly Action _release;
    private int _released;

    internal BlobLease(Digest digest, string path, long sizeBytes, Action release)
    {
        Digest = digest;
        Path = path;
        SizeBytes = sizeBytes;
        _release = release;
    }

    public Digest Digest { get; }

    /// <summary>Where it lies; opened for reading only.</summary>
    public string Path { get; }

    public long SizeBytes { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0) _release();
    }
}

/// <summary>A blob that is kept.</summary>
public sealed record StoredBlob(Digest Digest, string Path, long SizeBytes);
