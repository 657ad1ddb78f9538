using Microsoft.Extensions.Logging;
using Stoker.Core.Jobs;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>What the daemon knows of itself.</summary>
public sealed record DaemonFacts
{
    public required VersionReport Version { get; init; }
    public required string Home { get; init; }
    public required string SocketPath { get; init; }
    public required bool KeyRequired { get; init; }

    /// <summary>Asked at each call, because it is known only after the start.</summary>
    public required Func<HttpFront> Front { get; init; }

    /// <summary>Free bytes where models are kept.</summary>
    public required Func<long> FreeBytes { get; init; }

    /// <summary>Ends the daemon; returns at once.</summary>
    public required Action RequestShutdown { get; init; }
}

/// <summary>The daemon itself: version, status, shutdown.</summary>
public sealed class DaemonEndpoint(DaemonFacts facts, ModelSupply supply, IInferenceEngine engine, JobTable jobs, ILogger logger)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Version, Exposure.Socket, call =>
            JsonResponse.WriteAsync(call.Http, facts.Version, AdminJson.Default.VersionReport));
        routes.Add("GET", AdminRoutes.Status, Exposure.Socket, async call =>
            await JsonResponse.WriteAsync(call.Http, await StatusAsync(call.Aborted), AdminJson.Default.StatusReport));
        routes.Add("POST", AdminRoutes.Shutdown, Exposure.Socket, ShutdownAsync);
    }

    private async Task<StatusReport> StatusAsync(CancellationToken cancellationToken)
    {
        // The engine's, and what is kept for other programs.
        List<ModelManifest> installed = [.. await engine.ListInstalledAsync(cancellationToken), .. (await supply.ListAsync(cancellationToken)).Where(static model => model.Selection is not null)];
        var memory = ProcessMemory.OfThisProcess();
        var front = facts.Front();
        var active = jobs.List();
        return new StatusReport
        {
            Daemon = facts.Version,
            Home = facts.Home,
            SocketPath = facts.SocketPath,
            Urls = front.Url is { } url ? [url] : [],
            TcpProblem = front.TcpProblem,
            KeyRequired = facts.KeyRequired,
            InstalledModels = installed.Count,
            LoadedModels = engine.ListLoaded().Count,
            RunningJobs = active.Count(static job => job.State == JobState.Running),
            QueuedJobs = active.Count(static job => job.State == JobState.Queued),
            RssAnonBytes = memory.RssAnonBytes,
            RssBytes = memory.RssBytes,
            ModelsBytes = installed.Sum(static model => model.SizeBytes),
            FreeBytes = facts.FreeBytes(),
        };
    }

    private Task ShutdownAsync(HttpCall call)
    {
        AdminLog.ShutdownAsked(logger);
        // After the answer is out: the caller waits for it, then for the socket to close.
        call.Http.Response.OnCompleted(() =>
        {
            facts.RequestShutdown();
            return Task.CompletedTask;
        });
        return JsonResponse.WriteAsync(call.Http, facts.Version, AdminJson.Default.VersionReport, status: 202);
    }
}
