using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http.Contracts;
using Stoker.Server.OpenAi.Contracts;
using Stoker.Supply;

namespace Stoker.Cli.Client;

/// <summary>
/// The daemon, over its Unix socket: one method a route. Errors come back as the <see cref="StokerException"/>s they were.
/// Thread-safe; dispose it to close its connections.
/// </summary>
public sealed class DaemonClient : IDisposable
{
    private readonly HttpClient _http;

    public DaemonClient(string socketPath)
    {
        SocketPath = socketPath;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) => await ConnectAsync(socketPath, cancellationToken),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
        };
        // Streams last as long as they last; every call has a cancellation token.
        _http = new HttpClient(handler) { BaseAddress = new Uri("http://localhost/"), Timeout = Timeout.InfiniteTimeSpan };
    }

    public string SocketPath { get; }

    public void Dispose() => _http.Dispose();

    /// <summary>Who answers, or null when nobody listens on the socket.</summary>
    public async Task<VersionReport?> TryVersionAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync(AdminRoutes.Version, AdminJson.Default.VersionReport, cancellationToken);
        }
        catch (StokerException problem) when (problem is { Kind: ErrorKind.Unavailable, InnerException: SocketException })
        {
            return null;
        }
    }

    public Task<StatusReport> StatusAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Status, AdminJson.Default.StatusReport, cancellationToken);

    public Task<HealthReport> HealthAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Health, AdminJson.Default.HealthReport, cancellationToken);

    public Task<ModelList> ModelsAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Models, AdminJson.Default.ModelList, cancellationToken);

    public Task<ModelReport> ShowAsync(string name, CancellationToken cancellationToken) =>
        GetAsync(AdminRoutes.ModelShowOf(name), AdminJson.Default.ModelReport, cancellationToken);

    /// <summary>Null when no such model is installed.</summary>
    public async Task<ModelReport?> TryShowAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await ShowAsync(name, cancellationToken);
        }
        catch (StokerException problem) when (problem.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<RemovedReport> RemoveAsync(string name, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, AdminRoutes.ModelRemoveOf(name), null, AdminJson.Default.RemovedReport, cancellationToken);

    public Task<StoreUsage> StoreAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Store, AdminJson.Default.StoreUsage, cancellationToken);

    public Task<CollectReport> CollectAsync(bool dryRun, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.Collect, Json(new CollectRequest(dryRun), AdminJson.Default.CollectRequest), AdminJson.Default.CollectReport, cancellationToken);

    public Task<LoadedList> LoadedAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Loaded, AdminJson.Default.LoadedList, cancellationToken);

    public Task<UnloadReport> UnloadAsync(string? model, bool now, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.Unload, Json(new UnloadRequest(model, now), AdminJson.Default.UnloadRequest), AdminJson.Default.UnloadReport, cancellationToken);

    public Task<ConfigReport> ConfigAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Config, AdminJson.Default.ConfigReport, cancellationToken);

    public Task<JobList> JobsAsync(CancellationToken cancellationToken) => GetAsync(AdminRoutes.Jobs, AdminJson.Default.JobList, cancellationToken);

    public Task<JobSnapshot> PullAsync(PullRequest request, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.Pull, Json(request, AdminJson.Default.PullRequest), AdminJson.Default.JobSnapshot, cancellationToken);

    public Task<JobSnapshot> CancelJobAsync(string id, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.JobCancelOf(id), null, AdminJson.Default.JobSnapshot, cancellationToken);

    public Task<JobSnapshot> PauseJobAsync(string id, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.JobPauseOf(id), null, AdminJson.Default.JobSnapshot, cancellationToken);

    public Task<JobSnapshot> ResumeJobAsync(string id, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.JobResumeOf(id), null, AdminJson.Default.JobSnapshot, cancellationToken);

    public Task<VersionReport> ShutdownAsync(CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.Shutdown, null, AdminJson.Default.VersionReport, cancellationToken);

    public Task<SessionList> SessionsAsync(bool all, CancellationToken cancellationToken) => GetAsync(all ? $"{AdminRoutes.Sessions}?all=1" : AdminRoutes.Sessions, AdminJson.Default.SessionList, cancellationToken);

    public Task<SessionReport> SessionAsync(string name, CancellationToken cancellationToken) =>
        GetAsync(AdminRoutes.SessionOf(AdminRoutes.SessionShow, name), AdminJson.Default.SessionReport, cancellationToken);

    public Task<SessionRemoved> RemoveSessionAsync(string name, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, AdminRoutes.SessionOf(AdminRoutes.Sessions, name), null, AdminJson.Default.SessionRemoved, cancellationToken);

    public Task<SessionSummary> ForkSessionAsync(SessionNaming naming, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.SessionFork, Json(naming, AdminJson.Default.SessionNaming), AdminJson.Default.SessionSummary, cancellationToken);

    public Task<SessionSummary> RenameSessionAsync(SessionNaming naming, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.SessionRename, Json(naming, AdminJson.Default.SessionNaming), AdminJson.Default.SessionSummary, cancellationToken);

    public Task<SessionSummary> ImportSessionAsync(string name, Stream archive, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, AdminRoutes.SessionOf(AdminRoutes.SessionImport, name), new StreamContent(archive) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } }, AdminJson.Default.SessionSummary, cancellationToken);

    /// <summary>Every byte of a session, or of all (null), is read: what was found, and how far the reading is before that.</summary>
    /// <exception cref="StokerException">NotFound; Unavailable: the daemon went away before the end.</exception>
    public async IAsyncEnumerable<SessionVerified> VerifySessionsAsync(string? name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(HttpMethod.Post, name is null ? AdminRoutes.SessionVerify : AdminRoutes.SessionOf(AdminRoutes.SessionVerify, name), null, cancellationToken);
        await foreach (var sent in EventsAsync(response, cancellationToken))
        {
            if (sent.Text == "[DONE]") yield break;
            if (sent.Name == "session") yield return Parse(sent.Text, AdminJson.Default.SessionVerified);
        }
        throw Gone();
    }

    /// <summary>Writes a session's archive.</summary>
    /// <exception cref="StokerException">Unavailable: it was cut off.</exception>
    public async Task ExportSessionAsync(string name, Stream target, CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(HttpMethod.Get, AdminRoutes.SessionOf(AdminRoutes.SessionExport, name), null, cancellationToken);
        await using var archive = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[1 << 20];
        while (await ReadPieceAsync(archive, buffer, cancellationToken) is > 0 and var count) await target.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
    }

    /// <summary>A job's states: the newest at once, the final one last.</summary>
    /// <exception cref="StokerException">Unavailable: the daemon went away before the job ended.</exception>
    public async IAsyncEnumerable<JobSnapshot> WatchJobAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(HttpMethod.Get, AdminRoutes.JobEventsOf(id), null, cancellationToken);
        await foreach (var sent in EventsAsync(response, cancellationToken))
        {
            if (sent.Name != "job") continue;
            var snapshot = Parse(sent.Text, AdminJson.Default.JobSnapshot);
            yield return snapshot;
            if (snapshot.HasEnded) yield break;
        }
        throw Gone();
    }

    /// <summary>Lines of a log; with follow, until cancelled.</summary>
    public async IAsyncEnumerable<string> LogsAsync(string query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(HttpMethod.Get, $"{AdminRoutes.Logs}?{query}", null, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await ReadLineAsync(reader, cancellationToken) is { } line) yield return line;
    }

    /// <summary>A streamed answer: the raw events (<c>progress</c>, and unnamed ones with chunks), up to <c>[DONE]</c>.</summary>
    /// <exception cref="StokerException">What the daemon or the stream says; Unavailable: cut off.</exception>
    public async IAsyncEnumerable<ServerSentEvent> ChatAsync(ChatRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(HttpMethod.Post, "/v1/chat/completions", Json(request, ChatRequestJson.Default.ChatRequest), cancellationToken);
        await foreach (var sent in EventsAsync(response, cancellationToken))
        {
            if (sent.Text == "[DONE]") yield break;
            if (sent.Name == "error" || sent.Text.StartsWith("{\"error\":", StringComparison.Ordinal))
                throw ErrorOf(Parse(sent.Text, HttpJson.Default.ErrorEnvelope));
            yield return sent;
        }
        throw Gone();
    }

    private static async ValueTask<Stream> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async IAsyncEnumerable<ServerSentEvent> EventsAsync(HttpResponseMessage response, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var events = SseReader.ReadAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await events.MoveNextAsync()) yield break;
            }
            catch (Exception cut) when (cut is IOException or HttpRequestException)
            {
                throw Gone(cut);
            }
            yield return events.Current;
        }
    }

    // Apart from writing, whose errors are the target's and not the daemon's.
    private static async Task<int> ReadPieceAsync(Stream body, byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception cut) when (cut is IOException or HttpRequestException)
        {
            throw Gone(cut);
        }
    }

    private static async Task<string?> ReadLineAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadLineAsync(cancellationToken);
        }
        catch (Exception cut) when (cut is IOException or HttpRequestException)
        {
            return null;
        }
    }

    private Task<T> GetAsync<T>(string route, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, route, null, type, cancellationToken);

    private async Task<T> SendAsync<T>(HttpMethod method, string route, HttpContent? content, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var response = await OpenAsync(method, route, content, cancellationToken);
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            return await JsonSerializer.DeserializeAsync(body, type, cancellationToken) ?? throw Strange("an empty answer");
        }
        catch (JsonException problem)
        {
            throw Strange(problem.Message, problem);
        }
        catch (Exception cut) when (cut is IOException or HttpRequestException)
        {
            throw Gone(cut);
        }
    }

    /// <summary>Sends and reads the head; an error status becomes its exception.</summary>
    private async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string route, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, route) { Content = content };
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException problem)
        {
            throw FromTransport(problem);
        }
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await FromStatusAsync(response, cancellationToken);
    }

    private StokerException FromTransport(HttpRequestException problem) => problem.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.AccessDenied } denied =>
            new StokerException(ErrorKind.Forbidden, $"{SocketPath} belongs to another user's daemon: run this as that user, or set STOKER_HOME to a folder of yours.", denied),
        SocketException refused => new StokerException(ErrorKind.Unavailable, $"No daemon answers on {SocketPath}.", refused),
        _ => Gone(problem),
    };

    private static async Task<StokerException> FromStatusAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        StokerException? known = null;
        try
        {
            if (JsonSerializer.Deserialize(text, HttpJson.Default.ErrorEnvelope) is { Error: not null } envelope) known = ErrorOf(envelope, response.Headers.RetryAfter);
        }
        catch (JsonException)
        {
            // Not from us: told below by its status.
        }
        if (known is not null) return known;
        return response.StatusCode == HttpStatusCode.NotFound
            ? new StokerException(ErrorKind.Unsupported, $"The daemon does not know {response.RequestMessage?.RequestUri?.AbsolutePath}: it may be of another version. Restart it: stoker serve --stop")
            : Strange($"status {(int)response.StatusCode}");
    }

    private static StokerException ErrorOf(ErrorEnvelope envelope, RetryConditionHeaderValue? retryAfter = null) =>
        new(envelope.Error.Kind, envelope.Error.Message) { RetryAfter = retryAfter?.Delta };

    private static T Parse<T>(string text, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(text, type) ?? throw Strange("null");
        }
        catch (JsonException problem)
        {
            throw Strange(problem.Message, problem);
        }
    }

    private static ByteArrayContent Json<T>(T value, JsonTypeInfo<T> type) =>
        new(JsonSerializer.SerializeToUtf8Bytes(value, type)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private static StokerException Gone(Exception? inner = null) =>
        new(ErrorKind.Unavailable, "The daemon went away before it had answered. Run the command again; `stoker logs` tells more.", inner);

    private static StokerException Strange(string what, Exception? inner = null) =>
        new(ErrorKind.Internal, $"The daemon's answer cannot be read ({Printable.Short(what)}): it may be of another version. Restart it: stoker serve --stop", inner);
}
