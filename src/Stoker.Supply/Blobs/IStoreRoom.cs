namespace Stoker.Supply.Blobs;

/// <summary>Knows what the store may still take. Thread-safe.</summary>
internal interface IStoreRoom
{
    /// <summary>
    /// Sees to it that this file may be kept, whatever must go for it. Its room is kept against others until disposed: that is when
    /// its blocks are taken on the disk, or when it was given up. The disk's own limit is for who writes.
    /// </summary>
    /// <param name="what">For the message.</param>
    /// <param name="file">What will come.</param>
    /// <param name="cancellationToken">Ends the wait for other processes.</param>
    /// <exception cref="Core.Errors.StokerException">OutOfSpace.</exception>
    Task<IDisposable?> TakeAsync(string what, ExpectedBlob file, CancellationToken cancellationToken);
}

/// <summary>No limit but the disk's.</summary>
internal sealed class BoundlessRoom : IStoreRoom
{
    public Task<IDisposable?> TakeAsync(string what, ExpectedBlob file, CancellationToken cancellationToken) => Task.FromResult<IDisposable?>(null);
}
