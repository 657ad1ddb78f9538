using Stoker.Core.Models;
using Stoker.Native.Libc;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>Looks for a file on this machine before it is fetched: what another program has here already costs no byte of the network.</summary>
internal sealed class LocalFirstFetcher(BlobStore store, IBlobFetcher next) : IBlobFetcher
{
    public async Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        foreach (var copy in session.CopiesOf(file))
        {
            var coming = new ExpectedBlob(RangedFetcher.KeyOf(file), file.Digest, FileStamp.TryRead(copy.Path)?.SizeBytes ?? 0) { IsHere = true };
            using var room = await store.Room.TakeAsync(file.Name, coming, cancellationToken);
            var adopted = await store.AdoptAsync(copy.Path, file.Digest, file.GitSha1, done => report(new FetchReport(done, file.SizeBytes) { IsLocal = true }), cancellationToken);
            if (adopted is not (var lease, var way)) continue;
            report(new FetchReport(lease.SizeBytes, lease.SizeBytes) { IsLocal = true, Place = copy.Place, Note = $"from {copy.Place} ({(way == ExportWay.HardLink ? "hard link" : way.ToString().ToLowerInvariant())})" });
            return lease;
        }
        return await next.FetchAsync(file, session, report, cancellationToken);
    }
}
