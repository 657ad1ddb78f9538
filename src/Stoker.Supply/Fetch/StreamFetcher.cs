using System.Buffers;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// One connection, from the first byte to the last, hashed on the way. A failed try begins again. For origins that know no ranges,
/// and small files.
/// </summary>
public sealed class StreamFetcher(BlobStore store) : IBlobFetcher
{
    private const int BufferBytes = 256 * 1024;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(100);

    public async Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        StokerException? last = null;
        foreach (var origin in file.Origins)
        {
            try
            {
                return await session.Retry.RunAsync(
                    token => TryOnceAsync(file, origin, session, report, token),
                    session.Options.Random,
                    session.Options.Time,
                    cancellationToken);
            }
            catch (SourceException failed)
            {
                last = failed;
            }
        }
        throw last ?? new StokerException(ErrorKind.NotFound, $"Nobody says where {file.Name} can be fetched.");
    }

    private async Task<BlobLease> TryOnceAsync(ManifestFile file, Uri origin, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        var shown = SourceSession.Shown(origin);
        using var response = await session.GetAsync(origin, null, null, cancellationToken);
        if (response.Message.StatusCode != System.Net.HttpStatusCode.OK) throw FileChecks.Wrong(shown, $"answers {(int)response.Message.StatusCode} where 200 belongs");
        FileChecks.Headers(response.Message, file, shown);
        var size = file.SizeBytes ?? response.Message.Content.Headers.ContentLength;
        using var partial = store.OpenNamelessPartial();
        try
        {
            if (size is { } known) partial.Reserve(known);
            await using var body = await response.OpenBodyAsync(session.Options.IdleTimeout, session.Options.Time, cancellationToken);
            using var sums = FileChecks.BeginSums(file, size ?? 0);
            var received = await ReceiveAsync(body, partial, sums, size, shown, report, session.Options.Time, cancellationToken);
            if (size is { } expected && received != expected)
                throw new SourceException(ErrorKind.Network, $"{shown} ended after {received:N0} of {expected:N0} bytes.", canRetry: true);
            if (received == 0) throw FileChecks.Wrong(shown, "is empty");
            var digest = sums.Finish(shown);
            report(new FetchReport(received, received));
            return store.Publish(partial, digest);
        }
        catch
        {
            partial.Discard();
            throw;
        }
    }

    private static async Task<long> ReceiveAsync(
        Stream body, PartialFile partial, FileChecks.Sums sums, long? size, string shown, Action<FetchReport> report, TimeProvider time, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long received = 0;
            var reportedAt = time.GetTimestamp();
            report(new FetchReport(0, size));
            for (int read; (read = await body.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                if (size is { } limit && received + read > limit) throw FileChecks.Wrong(shown, $"sends more than the {limit:N0} bytes that were announced");
                partial.Write(buffer.AsSpan(0, read), received);
                sums.Append(buffer.AsSpan(0, read));
                received += read;
                if (time.GetElapsedTime(reportedAt) < ReportEvery) continue;
                reportedAt = time.GetTimestamp();
                report(new FetchReport(received, size));
            }
            return received;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
