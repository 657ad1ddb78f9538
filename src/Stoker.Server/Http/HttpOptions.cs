using System.Net;

namespace Stoker.Server.Http;

/// <summary>Where HTTP is served, and to whom. Immutable.</summary>
public sealed record HttpOptions
{
    /// <summary>The daemon's Unix socket: absolute, in a folder that is the owner's alone.</summary>
    public required string SocketPath { get; init; }

    /// <summary>Address for TCP, or null: the Unix socket alone. Port 0 takes any free one.</summary>
    public IPEndPoint? Tcp { get; init; }

    /// <summary>True: an address that is taken is an error; false: it is reported, and the socket served alone.</summary>
    public bool TcpRequired { get; init; }

    /// <summary>With at least one, every call over TCP needs one of them, but <c>/health</c>.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Names in the Host header that are accepted beside loopback's.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Origins of web pages that may call, beside our own.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    public HttpLimits Limits { get; init; } = new();

    /// <summary>Under which an API key's conversations are kept (<see cref="Http.ScopeSecret"/>); asked when a key's scope is. It may refuse with Io.</summary>
    public Func<ReadOnlyMemory<byte>> ScopeSecret { get; init; } = static () => ReadOnlyMemory<byte>.Empty;

    /// <summary>Never prints the keys.</summary>
    public override string ToString() => $"HttpOptions {{ SocketPath = {SocketPath}, Tcp = {Tcp}, ApiKeys = {ApiKeys.Count} }}";
}

/// <summary>What a client may cost us before it has shown that it means well.</summary>
public sealed record HttpLimits
{
    public long MaxBodyBytes { get; init; } = 16L << 20;

    public int MaxRequestLineBytes { get; init; } = 8 << 10;

    public int MaxHeaderBytes { get; init; } = 32 << 10;

    /// <summary>Connections open at once, idle ones included.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>For a request's line and headers to arrive.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>An idle connection is closed after this.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>A body or an answer that moves slower than this, after <see cref="RateGrace"/>, ends its connection.</summary>
    public double MinBytesPerSecond { get; init; } = 240;

    public TimeSpan RateGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A stream that has nothing to say says a comment this often, so that nothing between us and the client gives up.</summary>
    public TimeSpan StreamHeartbeat { get; init; } = TimeSpan.FromSeconds(10);
}
