using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Native.Libc;

namespace Stoker.Server.Http;

/// <summary>
/// Kestrel on the Unix socket and, where the address is free, on TCP. Used bare, without a host, a container or configuration files:
/// quick to start, small, and nothing that we did not put there. Start and stop once, by one caller.
/// </summary>
public sealed class HttpFront : IAsyncDisposable
{
    private readonly HttpOptions _options;
    private readonly ILogger _logger;
    private readonly ILoggerFactory _loggers;
    private readonly FrontApplication _application;
    private KestrelServer? _kestrel;
    private Socket? _unix;
    private Socket? _tcp;

    public HttpFront(HttpOptions options, RouteTable routes, HttpMetrics metrics, ILoggerFactory loggers)
    {
        _options = options;
        _loggers = loggers;
        _logger = loggers.CreateLogger("Stoker.Http");
        _application = new FrontApplication(routes, options, metrics, _logger);
    }

    /// <summary>Where TCP is served, or null.</summary>
    public IPEndPoint? TcpAddress { get; private set; }

    /// <summary>Why TCP is not served though it was asked for, or null.</summary>
    public string? TcpProblem { get; private set; }

    public string? Url => TcpAddress is { } address ? $"http://{address}" : null;

    /// <exception cref="StokerException">
    /// InvalidInput (an address that others reach, without a key; one that is not ours), Conflict (taken, and required), Io.
    /// </exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        RefuseOpenAddress();
        _unix = BoundSockets.Unix(_options.SocketPath);
        BindTcp();
        // Kestrel with sockets of ours: the transport asks for each by the address it was told.
        var transport = new SocketTransportOptions
        {
            Backlog = 512,
            CreateBoundListenSocket = address => address is UnixDomainSocketEndPoint ? _unix : _tcp!,
        };
        _kestrel = new KestrelServer(
            Options.Create(KestrelOptions()),
            new SocketTransportFactory(Options.Create(transport), _loggers),
            _loggers);
        await _kestrel.StartAsync(_application, cancellationToken);
        HttpLog.Listening(_logger, _options.SocketPath);
        if (Url is { } url) HttpLog.Listening(_logger, url);
    }

    /// <summary>Takes no new connections and lets running requests end.</summary>
    /// <param name="cut">Those that still run are cut.</param>
    public async Task StopAsync(CancellationToken cut)
    {
        if (_kestrel is null) return;
        await _kestrel.StopAsync(cut);
        if (cut.IsCancellationRequested) HttpLog.CutConnections(_logger);
    }

    public ValueTask DisposeAsync()
    {
        _kestrel?.Dispose();
        _tcp?.Dispose();
        _unix?.Dispose();
        return ValueTask.CompletedTask;
    }

    private void RefuseOpenAddress()
    {
        if (_options.Tcp is not { } address || IPAddress.IsLoopback(address.Address) || _options.ApiKeys.Count > 0) return;
        throw new StokerException(ErrorKind.InvalidInput,
            $"{address.Address} can be reached from other machines, so an API key is needed: set {SettingNames.ApiKeys.Variable}, or serve on 127.0.0.1.");
    }

    private void BindTcp()
    {
        if (_options.Tcp is not { } address) return;
        _tcp = BoundSockets.Tcp(address);
        if (_tcp is not null)
        {
            TcpAddress = (IPEndPoint)_tcp.LocalEndPoint!;
            return;
        }
        TcpProblem = $"{address} is taken by another program; choose another --port. The Unix socket is served alone.";
        if (_options.TcpRequired) throw new StokerException(ErrorKind.Conflict, $"{address} is taken by another program: end it, or choose another --port.");
        HttpLog.TcpProblem(_logger, TcpProblem);
    }

    private KestrelServerOptions KestrelOptions()
    {
        var limits = _options.Limits;
        var kestrel = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        kestrel.Limits.MaxRequestBodySize = limits.MaxBodyBytes;
        kestrel.Limits.MaxRequestLineSize = limits.MaxRequestLineBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = limits.MaxHeaderBytes;
        kestrel.Limits.MaxRequestHeaderCount = 64;
        kestrel.Limits.MaxConcurrentConnections = limits.MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = limits.HeaderTimeout;
        kestrel.Limits.KeepAliveTimeout = limits.KeepAliveTimeout;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(limits.MinBytesPerSecond, limits.RateGrace);
        kestrel.Limits.MinResponseDataRate = new MinDataRate(limits.MinBytesPerSecond, limits.RateGrace);
        kestrel.ListenUnixSocket(_options.SocketPath, Configure);
        if (TcpAddress is { } address) kestrel.Listen(address, Configure);
        return kestrel;
    }

    private static void Configure(ListenOptions listen)
    {
        // HTTP/2 needs TLS or prior knowledge and would add frames to every limit above.
        listen.Protocols = HttpProtocols.Http1;
        var ownUserId = OwnProcess.EffectiveUserId;
        listen.Use(next => connection =>
        {
            var socket = connection.Features.Get<IConnectionSocketFeature>()!.Socket;
            connection.Features.Set(CallerFeature.Of(socket, ownUserId));
            return next(connection);
        });
    }
}
