using System.Security.Cryptography;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>
/// One connection's own: its buffer, the sums of the chunk that is under way, and where it is. Used by its own loop; the watch
/// reads the counters and may end the attempt.
/// </summary>
internal sealed class FetchWorker : IDisposable
{
    internal const int BufferBytes = 256 * 1024;

    private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private uint _crc;
    private long _received;
    private long _lastByteAt;

    internal byte[] Buffer { get; } = GC.AllocateUninitializedArray<byte>(BufferBytes);

    /// <summary>The range in hand, or null.</summary>
    internal TakenRange? Range { get; set; }

    /// <summary>What it works on next, or null while that is not asked for.</summary>
    internal RangeAhead? Ahead { get; set; }

    /// <summary>The next byte that is wanted.</summary>
    internal long Position { get; private set; }

    /// <summary>Which origin gave the bytes of the chunk that is under way.</summary>
    internal Origin? Origin { get; set; }

    /// <summary>Ends the attempt under way, not the worker.</summary>
    internal CancellationTokenSource? Attempt { get; set; }

    /// <summary>Why the watch ended the attempt.</summary>
    internal FetchFailure? EndedBecause { get; set; }

    /// <summary>Bytes received in all.</summary>
    internal long Received => Interlocked.Read(ref _received);

    /// <summary>When the last byte came, or the attempt began.</summary>
    internal long LastByteAt => Interlocked.Read(ref _lastByteAt);

    /// <summary>True between the headers and the end of a body.</summary>
    internal bool IsReceiving { get; set; }

    /// <summary>True while it waits for its share of the rate or for the disk: nothing comes because nothing is asked for.</summary>
    internal bool IsHeldBack { get; set; }

    /// <summary>Milliseconds from its last request to the headers.</summary>
    internal double? LatencyMs { get; set; }

    /// <summary>Smoothed over some seconds; 0 before anything was seen. The watch's.</summary>
    internal double BytesPerSecond { get; set; }

    /// <summary>What <see cref="Received"/> was when the watch last looked. The watch's.</summary>
    internal long SeenBytes { get; set; }

    /// <summary>Times that the watch opened a new connection for this range.</summary>
    internal int ReopenCount { get; set; }

    internal void Begin(TakenRange range)
    {
        Range = range;
        ReopenCount = 0;
        StartChunk(range.Next);
    }

    /// <summary>Forgets what came of the chunk that is under way.</summary>
    internal void StartChunk(int chunk)
    {
        Position = Chunk.Offset(chunk);
        _sha256.GetHashAndReset(stackalloc byte[ChunkHash.SizeBytes]);
        _crc = 0;
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        _sha256.AppendData(bytes);
        _crc = Crc32C.Append(_crc, bytes);
        Position += bytes.Length;
    }

    /// <summary>The sums of the chunk that ends here; the next begins.</summary>
    internal ChunkSums FinishChunk()
    {
        Span<byte> hash = stackalloc byte[ChunkHash.SizeBytes];
        _sha256.GetHashAndReset(hash);
        var sums = new ChunkSums(ChunkHash.Read(hash), _crc);
        _crc = 0;
        return sums;
    }

    internal void Saw(int bytes, long timestamp)
    {
        Interlocked.Add(ref _received, bytes);
        Interlocked.Exchange(ref _lastByteAt, timestamp);
    }

    public void Dispose() => _sha256.Dispose();
}
