using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>Asks everything that Stoker needs whether it is there. Nothing is assumed: files are written, libraries loaded (in a child).</summary>
public sealed class HealthEndpoint(DaemonFacts facts, ModelSupply supply, SessionStore sessions, RunnerStart runner, TimeProvider time)
{
    private const long LowBytes = 2L << 30;

    public void Map(RouteTable routes) => routes.Add("GET", AdminRoutes.Health, Exposure.Socket, async call =>
    {
        var checks = new List<HealthCheck>
        {
            CheckHome(),
            CheckDisk(),
            CheckTcp(),
            await CheckRunnerAsync(call.Aborted),
        };
        checks.AddRange(await CheckModelsAsync(call.Aborted));
        checks.Add(CheckSessions());
        var report = new HealthReport(checks.TrueForAll(static check => check.State != HealthState.Failed), checks);
        await JsonResponse.WriteAsync(call.Http, report, AdminJson.Default.HealthReport);
    });

    private HealthCheck CheckHome()
    {
        var probe = Path.Combine(facts.Home, $".health-{Environment.ProcessId}");
        try
        {
            using (var file = new FileStream(probe, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)) file.WriteByte(1);
            return new HealthCheck("home", HealthState.Ok, $"{facts.Home} can be written.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new HealthCheck("home", HealthState.Failed, $"{facts.Home} cannot be written: {exception.Message}");
        }
    }

    private HealthCheck CheckDisk()
    {
        var free = facts.FreeBytes();
        return free < LowBytes
            ? new HealthCheck("disk", HealthState.Warning, $"{free} bytes are free where models are kept; most models need more. Remove some: stoker rm")
            : new HealthCheck("disk", HealthState.Ok, $"{free >> 20} MiB are free where models are kept.");
    }

    private HealthCheck CheckTcp()
    {
        var front = facts.Front();
        if (front.TcpProblem is { } problem) return new HealthCheck("http", HealthState.Warning, problem);
        return new HealthCheck("http", HealthState.Ok, front.Url is { } url ? $"Served on {url}." : "Served on the Unix socket alone, as configured.");
    }

    /// <summary>A child as for a model: it starts, finds and loads the libraries, and says so.</summary>
    private async Task<HealthCheck> CheckRunnerAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var child = await Runner.StartAsync(runner, log: null, time, cancellationToken);
            return child.Problem is { } problem
                ? new HealthCheck("runner", HealthState.Failed, Printable.Short(problem, 1000))
                : new HealthCheck("runner", HealthState.Ok, $"llama.cpp loads in a child process: {Printable.Short(child.Fingerprint, 300)}");
        }
        catch (StokerException exception)
        {
            return new HealthCheck("runner", HealthState.Failed, exception.Message);
        }
    }

    private HealthCheck CheckSessions()
    {
        try
        {
            KvFolder.Check(KvMode.Ssd, sessions.Options.Root);
            var kept = sessions.List();
            var damaged = kept.Where(static session => session.State == SessionState.Damaged).Select(static session => session.Name ?? session.Id).ToList();
            return damaged.Count == 0
                ? new HealthCheck("sessions", HealthState.Ok, $"{kept.Count} kept.")
                : new HealthCheck("sessions", HealthState.Warning, $"Damaged: {string.Join(", ", damaged.Take(10))}. See what is left of them (stoker sessions show), or remove them (stoker sessions rm).");
        }
        catch (StokerException exception)
        {
            return new HealthCheck("sessions", exception.Kind == ErrorKind.Unsupported ? HealthState.Warning : HealthState.Failed, exception.Message);
        }
    }

    private async Task<List<HealthCheck>> CheckModelsAsync(CancellationToken cancellationToken)
    {
        var checks = supply.BrokenManifests().Select(static broken => new HealthCheck("manifest", HealthState.Failed, broken)).ToList();
        var models = await supply.ListAsync(cancellationToken);
        foreach (var model in models)
        {
            if (await CheckModelAsync(model, cancellationToken) is { } problem) checks.Add(problem);
        }
        if (checks.Count == 0) checks.Add(new HealthCheck("models", HealthState.Ok, $"{models.Count} installed, all files in place."));
        return checks;
    }

    private async Task<HealthCheck?> CheckModelAsync(ModelManifest model, CancellationToken cancellationToken)
    {
        try
        {
            using var lease = await supply.HoldAsync(model, cancellationToken);
            return null;
        }
        catch (StokerException exception)
        {
            return new HealthCheck("model", HealthState.Failed, exception.Message);
        }
    }
}
