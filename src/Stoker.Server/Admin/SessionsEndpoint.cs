using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Server.Admin;

/// <summary>
/// Kept conversations: list, show, remove, fork, rename, export, import, verify. What a runner holds is asked for first. Only the
/// owner reads what was said.
/// </summary>
/// <param name="holders">Null: nobody holds any.</param>
public sealed class SessionsEndpoint(SessionStore store, ISessionHolders? holders, ILogger logger)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(500);

    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Sessions, Exposure.Socket, ListAsync);
        routes.Add("DELETE", AdminRoutes.Sessions, Exposure.Socket, RemoveAsync);
        routes.Add("GET", AdminRoutes.SessionShow, Exposure.Socket, ShowAsync, CallerTrust.Owner);
        routes.Add("POST", AdminRoutes.SessionFork, Exposure.Socket, ForkAsync, CallerTrust.Owner);
        routes.Add("POST", AdminRoutes.SessionRename, Exposure.Socket, RenameAsync);
        routes.Add("GET", AdminRoutes.SessionExport, Exposure.Socket, ExportAsync, CallerTrust.Owner);
        routes.Add("POST", AdminRoutes.SessionImport, Exposure.Socket, ImportAsync, CallerTrust.Owner, RequestBody.BytesType);
        routes.Add("POST", AdminRoutes.SessionVerify, Exposure.Socket, VerifyAsync);
    }

    private Task ListAsync(HttpCall call)
    {
        var sessions = call.Query("all") is null ? store.List() : [.. store.List(), .. KeptInCache()];
        return JsonResponse.WriteAsync(call.Http, new SessionList(sessions, store.AllUsedBytes(), store.Options.QuotaBytes), AdminJson.Default.SessionList);
    }

    private Task ShowAsync(HttpCall call)
    {
        var summary = Find(Name(call));
        SessionReport report;
        try
        {
            report = new SessionReport(summary, store.Read(summary.Id).Messages, null);
        }
        catch (StokerException problem) when (problem.Kind == ErrorKind.Corrupt)
        {
            report = new SessionReport(summary, null, problem.Message);
        }
        return JsonResponse.WriteAsync(call.Http, report, AdminJson.Default.SessionReport);
    }

    private async Task RemoveAsync(HttpCall call)
    {
        var summary = await FreeAsync(Name(call), call.Aborted);
        try
        {
            store.Remove(summary.Id);
        }
        catch (StokerException gone) when (gone.Kind == ErrorKind.NotFound)
        {
            // Nothing had ever been saved of it: it went when it was let go.
        }
        AdminLog.SessionRemoved(logger, summary.Id, summary.OwnBytes);
        await JsonResponse.WriteAsync(call.Http, new SessionRemoved(summary.Id, summary.Name, summary.OwnBytes), AdminJson.Default.SessionRemoved);
    }

    private async Task ForkAsync(HttpCall call)
    {
        var naming = await RequestBody.ReadAsync(call, AdminJson.Default.SessionNaming);
        var summary = await FreeAsync(naming.Name, call.Aborted);
        var child = store.Fork(summary.Id, naming.NewName);
        AdminLog.SessionMade(logger, child.Id, summary.Id);
        await JsonResponse.WriteAsync(call.Http, child, AdminJson.Default.SessionSummary);
    }

    private async Task RenameAsync(HttpCall call)
    {
        var naming = await RequestBody.ReadAsync(call, AdminJson.Default.SessionNaming);
        var summary = await FreeAsync(naming.Name, call.Aborted);
        store.Rename(summary.Id, naming.NewName);
        await JsonResponse.WriteAsync(call.Http, Find(summary.Id), AdminJson.Default.SessionSummary);
    }

    private async Task ExportAsync(HttpCall call)
    {
        var summary = await FreeAsync(Name(call), call.Aborted);
        await store.ExportAsync(summary.Id, null, async _ =>
        {
            call.Http.Response.ContentType = RequestBody.BytesType;
            await call.Http.Response.StartAsync(call.Aborted);
            return call.Http.Response.Body;
        }, call.Aborted);
    }

    private async Task ImportAsync(HttpCall call)
    {
        // An archive is as large as a conversation's cells; it is checked and written as it comes.
        if (call.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        var made = await store.ImportAsync(Name(call), "", call.Http.Request.Body, call.Aborted);
        AdminLog.SessionMade(logger, made.Id, "an archive");
        await JsonResponse.WriteAsync(call.Http, made, AdminJson.Default.SessionSummary);
    }

    // It reads gigabytes: each is told as it is read, and nobody is kept from answering in it meanwhile.
    private async Task VerifyAsync(HttpCall call)
    {
        var summaries = call.Query("name") is { } name ? [Find(name)] : (IReadOnlyList<SessionSummary>)[.. store.List(), .. KeptInCache()];
        var sse = new SseWriter(call.Http);
        foreach (var summary in summaries)
        {
            if (await CheckAsync(summary, sse, call.Aborted) is { } check) await sse.WriteAsync(check, AdminJson.Default.SessionVerified, "session");
        }
        await sse.WriteDoneAsync();
    }

    // Null: removed before it was its turn.
    private async Task<SessionVerified?> CheckAsync(SessionSummary summary, SseWriter sse, CancellationToken cancellationToken)
    {
        var read = new ReadSoFar();
        var reading = Task.Run(() => store.Verify(summary.Id, null, read, cancellationToken), cancellationToken);
        while (await Task.WhenAny(reading, Task.Delay(ProgressInterval, cancellationToken)) != reading)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await sse.WriteAsync(new SessionVerified(summary.Id, summary.Name, summary.Cells, read.Bytes, null) { IsDone = false }, AdminJson.Default.SessionVerified, "session");
        }
        try
        {
            var check = await reading;
            if (check.Damage is { } damage) AdminLog.SessionDamaged(logger, check.Id, damage);
            return new SessionVerified(check.Id, check.Name, check.Cells, check.ReadBytes, check.Damage);
        }
        catch (StokerException gone) when (gone.Kind == ErrorKind.NotFound)
        {
            return null;
        }
        catch (StokerException problem)
        {
            return new SessionVerified(summary.Id, summary.Name, summary.Cells, read.Bytes, null) { Problem = problem.Message };
        }
    }

    // A conversation of the prompt cache that holds nothing yet says nothing to anybody.
    private IEnumerable<SessionSummary> KeptInCache() => store.ListCache().Where(static kept => kept.Cells > 0 || kept.State == SessionState.Damaged);

    /// <summary>A session that nobody holds, if whoever did can let go of it now.</summary>
    private async Task<SessionSummary> FreeAsync(string name, CancellationToken cancellationToken)
    {
        var summary = Find(name);
        if (holders is not null) await holders.ReleaseAsync(summary.Id, cancellationToken);
        return summary;
    }

    private SessionSummary Find(string name) =>
        store.Find(name) ?? throw new RequestException(ErrorKind.NotFound, $"There is no session '{Printable.Short(name, 80)}'. See: stoker sessions list", "name", "session_not_found");

    private static string Name(HttpCall call) =>
        call.Query("name") ?? throw new RequestException(ErrorKind.InvalidInput, "Which session? Send ?name=.", "name");

    private sealed class ReadSoFar : IProgress<long>
    {
        private long _bytes;

        public long Bytes => Volatile.Read(ref _bytes);

        public void Report(long value) => Volatile.Write(ref _bytes, value);
    }
}
