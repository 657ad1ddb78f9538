using System.Collections.Concurrent;

namespace FakeHub;

/// <summary>What was asked and sent. Thread-safe.</summary>
public sealed class HubStats
{
    private const int MaxRequests = 100_000;
    private readonly ConcurrentQueue<HubRequest> _requests = new();
    private readonly ConcurrentDictionary<string, long> _bytes = new();
    private int _open;
    private int _mostOpen;

    /// <summary>In the order they came.</summary>
    public IReadOnlyList<HubRequest> Requests => [.. _requests];

    /// <summary>Bytes of content sent, by file: a digest for hub and registry content, a path for plain files.</summary>
    public IReadOnlyDictionary<string, long> BytesByContent => _bytes;

    public long ContentBytes => _bytes.Values.Sum();

    /// <summary>The most answers with content that were under way at once.</summary>
    public int MostAtOnce => _mostOpen;

    /// <summary>Answers with content that are under way now.</summary>
    public int AtOnce => Volatile.Read(ref _open);

    public int Count(string pathPart) => _requests.Count(request => request.Path.Contains(pathPart, StringComparison.Ordinal));

    public void Clear()
    {
        _requests.Clear();
        _bytes.Clear();
        _mostOpen = 0;
    }

    internal void Add(HubRequest request)
    {
        if (_requests.Count < MaxRequests) _requests.Enqueue(request with { SentBefore = ContentBytes });
    }

    /// <summary>An answer begins, with so many bytes of that content.</summary>
    internal OpenAnswer Open(string content, long bytes) => new(this, content, bytes);

    /// <summary>
    /// One answer under way. A piece counts before it is handed over, and an answer is over with its last piece: whoever has received
    /// something finds it counted.
    /// </summary>
    internal sealed class OpenAnswer : IDisposable
    {
        private readonly HubStats _stats;
        private readonly string _content;
        private long _left;
        private bool _isOver;

        internal OpenAnswer(HubStats stats, string content, long bytes)
        {
            (_stats, _content, _left) = (stats, content, bytes);
            var open = Interlocked.Increment(ref stats._open);
            for (var most = stats._mostOpen; open > most; most = stats._mostOpen) Interlocked.CompareExchange(ref stats._mostOpen, open, most);
        }

        internal void Sending(int bytes)
        {
            _stats._bytes.AddOrUpdate(_content, bytes, (_, before) => before + bytes);
            _left -= bytes;
            if (_left == 0) Dispose();
        }

        public void Dispose()
        {
            if (_isOver) return;
            _isOver = true;
            Interlocked.Decrement(ref _stats._open);
        }
    }
}

/// <summary>One request.</summary>
/// <param name="Method">GET, HEAD.</param>
/// <param name="Path">With the query.</param>
/// <param name="Port">The port it came to.</param>
/// <param name="Range">Its Range header, or null.</param>
/// <param name="HasAuthorization">Whether it had an Authorization header.</param>
/// <param name="UserAgent">Its User-Agent header.</param>
/// <param name="IfRange">Its If-Range header, or null.</param>
public sealed record HubRequest(string Method, string Path, int Port, string? Range, bool HasAuthorization, string UserAgent, string? IfRange)
{
    /// <summary>Bytes of content that had been sent when it came.</summary>
    public long SentBefore { get; init; }
}
