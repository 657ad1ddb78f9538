using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>An HTTP proxy that knows Basic, CONNECT and whole addresses (of those, a connection's first is told), and leads whatever is asked for to one port of this machine.</summary>
internal sealed class RelayProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly string _login;
    private readonly int _leadsTo;
    private readonly Task _accepting;

    internal RelayProxy(string user, string password, int leadsTo)
    {
        _login = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        _leadsTo = leadsTo;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What was asked for and let through.</summary>
    internal ConcurrentQueue<string> Targets { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using var from = client;
            var stream = from.GetStream();
            while (await ReadHeadAsync(stream) is { } head)
            {
                if (!head.Contains($"Proxy-Authorization: {_login}\r\n", StringComparison.Ordinal))
                {
                    await stream.WriteAsync("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"relay\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), _stop.Token);
                    continue;
                }
                Targets.Enqueue(head.Split(' ')[1]);
                using var to = new TcpClient();
                await to.ConnectAsync(IPAddress.Loopback, _leadsTo, _stop.Token);
                if (head.StartsWith("CONNECT ", StringComparison.Ordinal)) await stream.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), _stop.Token);
                else await to.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), _stop.Token);
                await Task.WhenAny(stream.CopyToAsync(to.GetStream(), _stop.Token), to.GetStream().CopyToAsync(stream, _stop.Token));
                return;
            }
        }
        catch (Exception ended) when (ended is IOException or SocketException or OperationCanceledException)
        {
            // One side has gone.
        }
    }

    private async Task<string?> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, _stop.Token) == 0) return null;
            head.Append((char)one[0]);
        }
        return head.ToString();
    }
}
