using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// The engine: parallel ranges into one file, verified on the way, resumed after whatever interrupted it. Thread-safe; one for a
/// process.
/// </summary>
public sealed class RangedFetcher(BlobStore store, FetchOptions shared) : IBlobFetcher
{
    // An origin that changes more often than this cannot be fetched from.
    private const int MaxRestarts = 3;

    public async Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        if (file.Origins.Count == 0) throw new StokerException(ErrorKind.NotFound, $"Nobody says where {Printable.Short(file.Name)} can be fetched.");
        var options = OptionsOf(session);
        var key = KeyOf(file);
        using var turn = await store.LockPartialAsync(key, session.Options.Time, cancellationToken);
        if (file.Digest is { } wanted && await HoldSoundAsync(wanted, cancellationToken) is { } here)
        {
            DropPartial(turn, key);
            return here;
        }
        if (file.Digest is null && await HoldKnownAsync(file, session, cancellationToken) is { } unchanged)
        {
            DropPartial(turn, key);
            report(new FetchReport(unchanged.SizeBytes, unchanged.SizeBytes) { Note = StageProgress.Unchanged });
            return unchanged;
        }
        RetryPlanner retries;
        lock (session.Options.Random) retries = new RetryPlanner(options.RetryOf(session.Options), new Random(session.Options.Random.Next()));
        for (var restarts = 0; ; restarts++)
        {
            using var content = turn is null ? store.OpenNamelessPartial() : store.OpenPartial(key, fresh: false);
            using var journal = turn is null ? store.OpenNamelessPartial() : store.OpenJournal(key);
            using var attempt = new FetchAttempt(file, session, options, store, retries, content, journal, report);
            try
            {
                var lease = await attempt.RunAsync(forget: restarts > 0, cancellationToken);
                journal.Discard();
                return lease;
            }
            catch (OriginChangedException changed)
            {
                if (restarts == MaxRestarts)
                    throw new SourceException(ErrorKind.Network, $"{changed.Message}, {restarts + 1} times in a row. Try again later.", canRetry: false, changed);
            }
            finally
            {
                // Where nothing came, nobody can tell which part is wrong, or nobody could find it again, it is of no use.
                if (!content.IsGone && (turn is null || attempt.IsWorthless || content.LengthBytes == 0))
                {
                    content.Discard();
                    journal.Discard();
                }
            }
        }
    }

    /// <summary>A hold on what is here already, or null: costs no connection, nor what makes one.</summary>
    internal async Task<BlobLease?> HoldHereAsync(Digest digest, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!store.Contains(digest)) return null;
        using var turn = await store.LockPartialAsync(digest, time, cancellationToken);
        var here = await HoldSoundAsync(digest, cancellationToken);
        if (here is not null) DropPartial(turn, digest);
        return here;
    }

    // What one job may differ in.
    private FetchOptions OptionsOf(SourceSession session) =>
        shared with { Rate = session.Access.Rate ?? shared.Rate, Revalidate = shared.Revalidate && session.Access.Revalidate };

    /// <summary>
    /// What an interrupted download is found again by: the digest where it is known, else the address without what only signs it.
    /// </summary>
    internal static Digest KeyOf(ManifestFile file)
    {
        if (file.Digest is { } digest) return digest;
        var name = file.GitSha1 is { } git ? "git:" + git : "address:" + UrlSource.NameOf(file.Origins[0]);
        return Digest.FromBytes(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
    }

    /// <summary>What this address gave before, if it still gives that.</summary>
    private async Task<BlobLease?> HoldKnownAsync(ManifestFile file, SourceSession session, CancellationToken cancellationToken)
    {
        if (file.GitSha1 is not null || store.Addresses.Find(UrlSource.NameOf(file.Origins[0])) is not { } known || !store.Contains(known.Digest)) return null;
        if (OptionsOf(session).Revalidate)
        {
            if (known.ETag is null && known.LastModified is null) return null;
            using var response = await session.Retry.RunAsync(token => AskAgainAsync(file.Origins[0], known, session, token), session.Options.Random, session.Options.Time, cancellationToken);
            // Some origins do not know conditions but tell the tag all the same.
            var tag = response.Message.Headers.TryGetValues("ETag", out var tags) ? tags.FirstOrDefault() : null;
            if (response.Message.StatusCode != System.Net.HttpStatusCode.NotModified && (known.ETag is null || tag != known.ETag)) return null;
        }
        return await HoldSoundAsync(known.Digest, cancellationToken);
    }

    private void DropPartial(PartialLock? turn, Digest key)
    {
        if (turn is not null) store.DropPartial(key);
    }

    private static Task<SourceResponse> AskAgainAsync(Uri address, KnownAddress known, SourceSession session, CancellationToken cancellationToken) => session.GetAsync(
        address,
        headers =>
        {
            headers.TryAddWithoutValidation("Range", "bytes=0-0"); // should it have changed, its content is not wanted yet
            if (known.ETag is not null) headers.TryAddWithoutValidation("If-None-Match", known.ETag);
            else headers.TryAddWithoutValidation("If-Modified-Since", known.LastModified);
        },
        static status => status is System.Net.HttpStatusCode.NotModified or System.Net.HttpStatusCode.RequestedRangeNotSatisfiable,
        cancellationToken);

    private async Task<BlobLease?> HoldSoundAsync(Digest digest, CancellationToken cancellationToken)
    {
        try
        {
            return await store.HoldAsync(digest, cancellationToken);
        }
        catch (StokerException damaged) when (damaged.Kind == ErrorKind.Corrupt)
        {
            return null; // the store has moved it aside; it is fetched anew
        }
    }
}
