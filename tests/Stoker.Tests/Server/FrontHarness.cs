using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Stoker.Server.Http;
using Stoker.Server.OpenAi;

namespace Stoker.Tests.Server;

/// <summary>The front over real sockets with the fake engine behind it; everything it logs is kept.</summary>
internal sealed class FrontHarness : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly HttpFront _front;

    private FrontHarness(Func<HttpOptions, HttpOptions>? change, Action<RouteTable>? map)
    {
        var options = new HttpOptions { SocketPath = Path.Combine(_folder.Path, "run", "s.sock"), Tcp = new IPEndPoint(IPAddress.Loopback, 0) };
        options = change?.Invoke(options) ?? options;
        SocketPath = options.SocketPath;
        var registry = new MetricRegistry();
        var generation = new GenerationMetrics(registry, Engine);
        PublicEndpoints.Map(Routes, registry);
        new ModelsEndpoint(Engine).Map(Routes);
        new ChatCompletionsEndpoint(Engine, generation, TimeProvider.System).Map(Routes);
        new CompletionsEndpoint(Engine, generation, TimeProvider.System).Map(Routes);
        map?.Invoke(Routes);
        Metrics = new HttpMetrics(registry);
        _front = new HttpFront(options, Routes, Metrics, LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(Log)));
    }

    public FakeEngine Engine { get; } = new();

    public RouteTable Routes { get; } = new();

    public KeptLog Log { get; } = new();

    public string SocketPath { get; }

    public IPEndPoint Address => _front.TcpAddress!;

    public HttpFront Front => _front;

    public HttpMetrics Metrics { get; }

    public HttpClient Tcp { get; private set; } = null!;

    public HttpClient Unix { get; private set; } = null!;

    public static async Task<FrontHarness> StartAsync(Func<HttpOptions, HttpOptions>? change = null, Action<RouteTable>? map = null)
    {
        var harness = new FrontHarness(change, map);
        try
        {
            await harness._front.StartAsync(CancellationToken.None);
        }
        catch
        {
            await harness.DisposeAsync();
            throw;
        }
        harness.Tcp = new HttpClient { BaseAddress = new Uri(harness._front.Url ?? "http://127.0.0.1:1") };
        harness.Unix = UnixClient(harness.SocketPath);
        return harness;
    }

    public static HttpClient UnixClient(string path) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://stoker") };

    /// <summary>Sends bytes as they are over TCP and reads what comes until the server closes, or the answer's head and body are there.</summary>
    public async Task<string> RawAsync(string request, bool untilClosed = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Address);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        var text = new StringBuilder();
        var buffer = new byte[8192];
        while (true)
        {
            int read;
            try
            {
                read = await stream.ReadAsync(buffer);
            }
            catch (IOException)
            {
                break;
            }
            if (read == 0) break;
            text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            if (!untilClosed && text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal)) break;
        }
        return text.ToString();
    }

    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    public async ValueTask DisposeAsync()
    {
        Tcp?.Dispose();
        Unix?.Dispose();
        using var cut = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _front.StopAsync(cut.Token);
        await _front.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>Reading answers.</summary>
internal static class Answers
{
    /// <summary>Status and the envelope's fields.</summary>
    public static async Task<(int Status, string? Code, string? Param, string Message)> ErrorAsync(this HttpResponseMessage response)
    {
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        var error = body.RootElement.GetProperty("error");
        Assert.False(string.IsNullOrEmpty(error.GetProperty("type").GetString()));
        Assert.False(string.IsNullOrEmpty(error.GetProperty("kind").GetString()));
        return ((int)response.StatusCode, error.GetProperty("code").GetString(), error.GetProperty("param").GetString(), error.GetProperty("message").GetString()!);
    }

    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {text}");
        using var body = JsonDocument.Parse(text);
        return body.RootElement.Clone();
    }

    /// <summary>The events of a stream: name (or null) and data; comments are skipped.</summary>
    public static List<(string? Name, string Data)> Events(string stream)
    {
        var events = new List<(string?, string)>();
        foreach (var block in stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            string? name = null, data = null;
            foreach (var line in block.Split('\n'))
            {
                if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
                else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
                else if (line.Length > 0) Assert.StartsWith(":", line, StringComparison.Ordinal);
            }
            if (data is not null) events.Add((name, data));
        }
        return events;
    }
}

/// <summary>Keeps every line, for tests that look for what must not be there.</summary>
internal sealed class KeptLog : ILoggerProvider, ILogger
{
    private readonly StringBuilder _text = new();

    public string Text
    {
        get { lock (_text) return _text.ToString(); }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_text) _text.AppendLine($"{logLevel} {formatter(state, exception)} {exception}");
    }

    public void Dispose()
    {
    }
}
