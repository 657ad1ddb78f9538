using System.Net.Sockets;
using System.Text;

namespace Stoker.Tests.Cli;

/// <summary>Something that listens on a Unix socket and answers each path with the bytes it was told, whatever they are.</summary>
public sealed class RawDaemon : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _folder = Directory.CreateTempSubdirectory("stk-raw-").FullName;
    private readonly Dictionary<string, string> _answers = [];
    private readonly List<string> _asked = [];
    private readonly CancellationTokenSource _end = new();
    private readonly Task _loop;

    public RawDaemon()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "run"));
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen();
        _loop = AcceptAsync();
    }

    public string Home => _folder;

    public string SocketPath => Path.Combine(_folder, "run", "stoker.sock");

    public IReadOnlyList<string> Asked
    {
        get { lock (_asked) return [.. _asked]; }
    }

    /// <summary>Answers a path (without its query) with a status, a JSON body and a closed connection.</summary>
    public RawDaemon Answer(string path, string body, int status = 200, string type = "application/json") =>
        AnswerRaw(path, $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}");

    public RawDaemon AnswerRaw(string path, string bytes)
    {
        _answers[path] = bytes;
        return this;
    }

    public RawDaemon AnswerVersion(string version) =>
        Answer("/admin/version", $$"""{"version":"{{version}}","pid":4242,"startedAt":"2026-01-01T00:00:00+00:00","runtime":".NET"}""");

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _loop;
        _end.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                using var connection = await _listener.AcceptAsync(_end.Token);
                await ServeAsync(connection);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await connection.ReceiveAsync(buffer, _end.Token);
            if (count == 0) return;
            head.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        var path = head.ToString().Split(' ')[1].Split('?')[0];
        lock (_asked) _asked.Add(path);
        var answer = _answers.GetValueOrDefault(path) ?? "HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        await connection.SendAsync(Encoding.UTF8.GetBytes(answer), _end.Token);
        connection.Shutdown(SocketShutdown.Both);
    }
}
