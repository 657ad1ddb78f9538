using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FakeHub;

/// <summary>
/// A hub on loopback: a Hugging Face-like API, a registry in Ollama's layout and plain files on one port, and the content that they
/// redirect to on another. Dispose to stop.
/// </summary>
public sealed class FakeHubServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<string> _urls = [];
    private readonly HubCertificate? _tls;

    private FakeHubServer(FakeHubOptions options)
    {
        Content = new HubContent(Path.GetFullPath(options.Root));
        Publisher = new HubPublisher(Content.Root);
        var builder = WebApplication.CreateSlimBuilder();
        if (options.Tls)
        {
            _tls = HubCertificate.Make(options.TlsNames);
            builder.WebHost.UseKestrelHttpsConfiguration();
        }
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxConcurrentConnections = null;
            kestrel.Listen(System.Net.IPAddress.Loopback, options.Port, Secure);
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, Secure);
        });
        builder.Services.AddRouting();
        // Signals belong to the program that hosts us, which may be a test run.
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        _app = builder.Build();
        var answer = new ContentAnswer(Stats, options);
        _app.Use(RecordAsync);
        new HuggingFaceApi(Content, options, Faults, answer, () => ContentUrl).Map(_app);
        new RegistryApi(Content, options, Faults, answer, () => ContentUrl).Map(_app);
        new S3Api(Content, options, Faults, answer).Map(_app);
        _app.MapMethods("/lfs/{hex}", ["GET", "HEAD"], (HttpContext http, string hex) => SendContentAsync(http, hex, answer));
        _app.MapMethods("/blobs/{hex}", ["GET", "HEAD"], (HttpContext http, string hex) => SendContentAsync(http, hex, answer));
        _app.MapMethods("/files/{**path}", ["GET", "HEAD"], (HttpContext http, string path) => SendPlainAsync(http, path, answer));
        _app.MapGet("/_stats", WriteStatsAsync);
        _app.MapPost("/_faults", TakeFaultAsync);
        _app.MapDelete("/_faults", Faults.Clear);
    }

    /// <summary>The authority that vouches for the hub's certificate, or null without TLS.</summary>
    public string? CaPem => _tls?.CaPem;

    public HubContent Content { get; }
    public HubPublisher Publisher { get; }
    public HubFaults Faults { get; } = new();
    public HubStats Stats { get; } = new();

    /// <summary>Where the hub, the registry (<c>/v2</c>) and plain files (<c>/files</c>) are; ends with a slash.</summary>
    public string Url => _urls[0];

    /// <summary>Where content is redirected to; another port, so another origin.</summary>
    public string ContentUrl => _urls[1];

    public static async Task<FakeHubServer> StartAsync(FakeHubOptions options, CancellationToken cancellationToken = default)
    {
        var hub = new FakeHubServer(options);
        await hub._app.StartAsync(cancellationToken);
        var addresses = hub._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        hub._urls.AddRange(addresses.Select(static address => address.TrimEnd('/') + "/"));
        return hub;
    }

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        _tls?.Dispose();
    }

    private void Secure(ListenOptions listen)
    {
        if (_tls is not null) listen.UseHttps(_tls.Server);
    }

    private async Task RecordAsync(HttpContext http, RequestDelegate next)
    {
        var request = http.Request;
        if (!request.Path.StartsWithSegments("/_stats", StringComparison.Ordinal) && !request.Path.StartsWithSegments("/_faults", StringComparison.Ordinal))
        {
            Stats.Add(new HubRequest(
                request.Method,
                $"{request.Path}{request.QueryString}",
                http.Connection.LocalPort,
                request.Headers.Range.Count > 0 ? request.Headers.Range.ToString() : null,
                request.Headers.Authorization.Count > 0,
                request.Headers.UserAgent.ToString(),
                request.Headers.IfRange.Count > 0 ? request.Headers.IfRange.ToString() : null));
        }
        try
        {
            await next(http);
        }
        catch (Exception left) when (left is OperationCanceledException or IOException or Microsoft.AspNetCore.Connections.ConnectionResetException && http.RequestAborted.IsCancellationRequested)
        {
            // The client has what it wanted, or we cut it off.
        }
    }

    private async Task SendContentAsync(HttpContext http, string hex, ContentAnswer answer)
    {
        var fault = faultOf(http);
        if (await ContentAnswer.TryReplaceAsync(http, fault)) return;
        if (!http.Request.Query.ContainsKey("sig")) { http.Response.StatusCode = 403; return; }
        // A signed address with credentials beside it is refused, as real object stores do.
        if (http.Request.Headers.Authorization.Count > 0) { http.Response.StatusCode = 400; return; }
        if (Content.BySha256(hex) is not { } file) { http.Response.StatusCode = 404; return; }
        await answer.SendAsync(http, file, hex, $"\"{hex}\"", fault);

        HubFault? faultOf(HttpContext context) => Faults.Take($"{context.Request.Path}{context.Request.QueryString}", RangeStart(context));
    }

    private async Task SendPlainAsync(HttpContext http, string path, ContentAnswer answer)
    {
        var fault = Faults.Take($"{http.Request.Path}{http.Request.QueryString}", RangeStart(http));
        if (await ContentAnswer.TryReplaceAsync(http, fault)) return;
        var full = Path.GetFullPath(path, Path.Combine(Content.Root, "files"));
        if (!full.StartsWith(Path.Combine(Content.Root, "files") + "/", StringComparison.Ordinal) || !File.Exists(full))
        {
            http.Response.StatusCode = 404;
            await http.Response.WriteAsync("not here", http.RequestAborted);
            return;
        }
        var file = Content.File(full, path);
        await answer.SendAsync(http, file, path, $"\"{file.Sha256[..32]}\"", fault);
    }

    private static long? RangeStart(HttpContext http)
    {
        var range = http.Request.Headers.Range.ToString();
        return range.StartsWith("bytes=", StringComparison.Ordinal) && long.TryParse(range[6..].Split('-')[0], out var start) ? start : null;
    }

    private async Task WriteStatsAsync(HttpContext http)
    {
        var report = new StatsReport(Stats.Requests.Count, Stats.ContentBytes, Stats.MostAtOnce, Stats.BytesByContent, [.. Stats.Requests.TakeLast(1000)]);
        await http.Response.WriteAsJsonAsync(report, HubJson.Default.StatsReport, cancellationToken: http.RequestAborted);
    }

    private async Task TakeFaultAsync(HttpContext http)
    {
        if (await JsonSerializer.DeserializeAsync(http.Request.Body, HubJson.Default.HubFault, http.RequestAborted) is { } fault) Faults.Add(fault);
    }
}

internal sealed class NoSignals : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed record StatsReport(int Requests, long ContentBytes, int MostAtOnce, IReadOnlyDictionary<string, long> BytesByContent, IReadOnlyList<HubRequest> Last);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StatsReport))]
[JsonSerializable(typeof(HubFault))]
internal sealed partial class HubJson : JsonSerializerContext;
