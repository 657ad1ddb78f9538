using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>What a file that came in one piece turned out to be.</summary>
internal sealed record WholeContent(long SizeBytes, Digest Digest, string GitSha1, ChunkSums[] Chunks);

/// <summary>Receives a 200: the whole file in one stream, of a length that may not be known before, hashed on the way.</summary>
internal static class WholeStream
{
    private const int BufferBytes = 256 * 1024;
    private const int LeaveLagChunks = 4;

    /// <param name="response">Its headers are read.</param>
    /// <param name="isGzip">What comes is to be unpacked.</param>
    /// <param name="sizeBytes">Announced, or null.</param>
    /// <param name="content">Where it goes.</param>
    /// <param name="options">The rate.</param>
    /// <param name="source">The patience.</param>
    /// <param name="report">Told of bytes.</param>
    /// <param name="stillFits">Asked after each chunk of a length that nobody announced; throws.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SourceException">Cut, stalled, longer or shorter than announced.</exception>
    internal static async Task<WholeContent> ReceiveAsync(
        SourceResponse response, bool isGzip, long? sizeBytes, IPartialContent content, FetchOptions options, SourceOptions source, Action<long> report,
        Func<long, CancellationToken, Task> stillFits, CancellationToken cancellationToken)
    {
        var shown = SourceSession.Shown(response.Address);
        await using var body = await response.OpenBodyAsync(options.RetryOf(source).StallTimeout, source.Time, cancellationToken);
        await using var unpacked = isGzip ? new GZipStream(body, CompressionMode.Decompress, leaveOpen: true) : null;
        var stream = unpacked ?? body;
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var chunkHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunks = new List<ChunkSums>();
        uint crc = 0;
        var buffer = GC.AllocateUninitializedArray<byte>(options.Rate.PreferredReadBytes(BufferBytes));
        long received = 0;
        var reportedAt = source.Time.GetTimestamp();
        try
        {
            while (true)
            {
                var untilChunkEnd = Chunk.SizeBytes - (int)(received % Chunk.SizeBytes);
                var read = await stream.ReadAsync(buffer.AsMemory(0, Math.Min(buffer.Length, untilChunkEnd)), cancellationToken);
                if (read > 0)
                {
                    if (sizeBytes is { } limit && received + read > limit) throw Failed(shown, $"sends more than the {limit:N0} bytes that were announced", canRetry: false);
                    var bytes = buffer.AsSpan(0, read);
                    content.Write(bytes, received);
                    sha256.AppendData(bytes);
                    chunkHash.AppendData(bytes);
                    crc = Crc32C.Append(crc, bytes);
                    received += read;
                    await options.Rate.TakeAsync(read, cancellationToken);
                }
                if (received % Chunk.SizeBytes == 0 ? read > 0 : read == 0)
                {
                    if (sizeBytes is null) await stillFits(received, cancellationToken);
                    chunks.Add(new ChunkSums(ChunkHash.Read(chunkHash.GetHashAndReset()), crc));
                    crc = 0;
                    content.StartWriteBack(Chunk.Offset(chunks.Count - 1), Chunk.SizeBytes);
                    if (options.LeavesPageCache && chunks.Count > LeaveLagChunks) content.LeavePageCache(Chunk.Offset(chunks.Count - 1 - LeaveLagChunks), Chunk.SizeBytes);
                }
                if (read == 0) break;
                if (source.Time.GetElapsedTime(reportedAt) < TimeSpan.FromMilliseconds(250)) continue;
                reportedAt = source.Time.GetTimestamp();
                report(received);
            }
        }
        catch (InvalidDataException broken)
        {
            throw new SourceException(ErrorKind.Network, $"{shown} says that its answer is gzip, and it is not: {Printable.Short(broken.Message)}", canRetry: false, broken);
        }
        if (sizeBytes is { } expected && received != expected) throw Failed(shown, $"ended after {received:N0} of {expected:N0} bytes", canRetry: true);
        content.SetLength(received);
        return new WholeContent(received, Digest.FromBytes(sha256.GetHashAndReset()), GitName(content, received), [.. chunks]);
    }

    private static SourceException Failed(string shown, string what, bool canRetry) => new(ErrorKind.Network, $"{shown} {what}.", canRetry);

    // Git's name begins with the length, which is known only now; files that are named so are small.
    private static string GitName(IPartialContent content, long sizeBytes)
    {
        if (sizeBytes > 64 << 20) return "";
        using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        sha1.AppendData(Encoding.ASCII.GetBytes($"blob {sizeBytes}\0"));
        var buffer = new byte[64 * 1024];
        for (long offset = 0; offset < sizeBytes;)
        {
            var read = content.Read(buffer, offset);
            if (read == 0) return "";
            sha1.AppendData(buffer, 0, read);
            offset += read;
        }
        return Convert.ToHexStringLower(sha1.GetHashAndReset());
    }
}
