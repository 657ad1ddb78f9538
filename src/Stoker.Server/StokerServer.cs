using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Settings;
using Stoker.Engine;
using Stoker.Engine.Runners;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Server.OpenAi;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Server;

/// <summary>
/// The daemon's composition root: makes every part, connects them, starts and ends them in order. No part knows of this one.
/// Whoever starts it holds the home's owner lock until it is disposed.
/// </summary>
public sealed class StokerServer : IAsyncDisposable
{
    /// <summary>What running answers get to end by themselves when the daemon stops; after that their runner ends, and they say so.</summary>
    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(1);

    /// <summary>What connections get for their last words once nothing runs behind them; after that they are cut.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _shutdown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ServerStart _start;
    private readonly LineLog _log;
    private readonly ILogger _logger;
    private readonly ModelSupply _supply;
    private readonly SessionStore _sessions;
    private readonly RunnerLog _runnerLog;
    private readonly IInferenceEngine _engine;
    private readonly JobTable _jobs;
    private readonly KeptConversations _conversations;
    private readonly HttpFront _front;
    private readonly IdleTrim _trim;
    private readonly SessionScrub _scrub;
    private int _disposed;

    private StokerServer(ServerStart start)
    {
        _start = start;
        _log = new LineLog(start.Log, start.LogLevel, start.Time);
        _logger = _log.CreateLogger("Stoker.Server");
        var options = start.Settings.Options;
        var runner = RunnerStartOf(start);
        var registry = new MetricRegistry();
        var httpMetrics = new HttpMetrics(registry);

        _supply = new ModelSupply(SupplyOptionsOf(start));
        _sessions = new SessionStore(new SessionStoreOptions { Root = start.Paths.Sessions, Sync = options.Durability == "fsync", QuotaBytes = options.SessionsQuotaBytes }, start.Time);
        _runnerLog = new RunnerLog(RunnerLogPath(start.Paths), start.Time);
        _engine = start.Engine?.Invoke(_supply) ?? MakeEngine(start, runner);
        var adminLogger = _log.CreateLogger("Stoker.Admin");
        _jobs = new JobTable(new JobTableOptions { OnDefect = (id, exception) => AdminLog.JobDefect(adminLogger, id, exception) }, start.Time);

        var routes = new RouteTable();
        MapApi(routes, registry);
        MapAdmin(routes, registry, adminLogger, runner);
        DaemonMetrics.Add(registry);
        _conversations = new KeptConversations(_sessions, start, _logger);
        _front = new HttpFront(HttpOptionsOf(start, _conversations), routes, httpMetrics, _log);
        _trim = new IdleTrim(httpMetrics, HasJobs, start.Time);
        _scrub = new SessionScrub(
            _sessions, start.Settings.Options.SessionsScrub, () => httpMetrics.ActiveCount > 0 || HasJobs(),
            check => AdminLog.SessionDamaged(adminLogger, check.Id, check.Damage!));
        Routes = routes;
    }

    /// <summary>Completes when somebody asked over the socket for the daemon to end.</summary>
    public Task ShutdownRequested => _shutdown.Task;

    /// <summary>Where TCP is served, e.g. <c>http://127.0.0.1:5050</c>, or null.</summary>
    public string? Url => _front.Url;

    /// <summary>Why TCP is not served though it was asked for, or null.</summary>
    public string? TcpProblem => _front.TcpProblem;

    /// <summary>Every route there is, for those who check their exposure.</summary>
    public RouteTable Routes { get; }

    /// <summary>Serves when it returns.</summary>
    /// <exception cref="StokerException">What keeps it from serving, and what to do.</exception>
    public static async Task<StokerServer> StartAsync(ServerStart start, CancellationToken cancellationToken)
    {
        var began = start.Time.GetTimestamp();
        start.Paths.CreateFolders();
        var server = new StokerServer(start);
        try
        {
            if (server._supply.Recover() is > 0 and var freed) ServerLog.Recovered(server._logger, freed);
            server._conversations.LookAfter();
            await server._front.StartAsync(cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        ServerLog.Started(server._logger, ProgramVersion.Current, Environment.ProcessId, start.Paths.Home, Math.Round(start.Time.GetElapsedTime(began).TotalMilliseconds, 1));
        return server;
    }

    /// <summary>
    /// No new work, then the work that runs: jobs are cancelled and keep what they have fetched, answers get a moment, children end,
    /// and last the blobs are let go of.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        var began = _start.Time.GetTimestamp();
        await _trim.DisposeAsync();
        await _scrub.DisposeAsync();
        using var cut = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _start.Time);
        var front = _front.StopAsync(cut.Token);
        await _jobs.DisposeAsync();
        await Task.WhenAny(front, Task.Delay(AnswerGrace, _start.Time, CancellationToken.None));
        if (_engine is IAsyncDisposable engine) await engine.DisposeAsync();
        cut.CancelAfter(LastWords);
        await front;
        await _front.DisposeAsync();
        _supply.Dispose();
        _runnerLog.Dispose();
        ServerLog.Stopped(_logger, Math.Round(_start.Time.GetElapsedTime(began).TotalMilliseconds, 1));
        _log.Dispose();
    }

    private static SupplyOptions SupplyOptionsOf(ServerStart start) => new()
    {
        Home = start.Paths.Home,
        QuotaBytes = start.Settings.Options.QuotaBytes,
        Sources = new SourceOptions { Time = start.Time, Allow = AllowedPlaces.Parse(start.Settings.Options.FetchAllow) },
        Fetch = new FetchOptions
        {
            Rate = new TokenBucket(start.Settings.Options.FetchMaxRate, start.Time),
            Connections = new SemaphoreSlim(start.Settings.Options.FetchMaxConnections),
        },
    };

    private bool HasJobs() => _jobs.List().Any(static job => !job.HasEnded);

    private static string RunnerLogPath(StokerPaths paths) => Path.Combine(paths.Logs, "runner.log");

    private static RunnerStart RunnerStartOf(ServerStart start) => new()
    {
        Program = start.ProgramPath,
        Arguments = [.. start.ProgramArguments, "runner"],
        RunFolder = start.Paths.Run,
        LlamaDirectory = start.Settings.Options.LlamaDirectory,
    };

    private static HttpOptions HttpOptionsOf(ServerStart start, KeptConversations conversations)
    {
        var options = start.Settings.Options;
        return new HttpOptions
        {
            SocketPath = start.Paths.Socket,
            Tcp = new IPEndPoint(AddressOf(options.Host), options.Port),
            TcpRequired = !start.Background,
            ApiKeys = options.ApiKeys,
            // A name that we serve under by choice is a name of ours.
            AllowedHosts = [.. options.AllowedHosts, options.Host],
            AllowedOrigins = options.AllowedOrigins,
            Limits = new HttpLimits { MaxBodyBytes = options.MaxBodyBytes },
            ScopeSecret = conversations.ScopeSecretBytes,
        };
    }

    private static IPAddress AddressOf(string host)
    {
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return IPAddress.Loopback;
        return IPAddress.TryParse(host.Trim('[', ']'), out var address)
            ? address
            : throw new StokerException(ErrorKind.InvalidInput, $"--host takes an address of this machine, not the name '{Printable.Short(host)}'; names that clients use go into --allow-host.");
    }

    private InferenceEngine MakeEngine(ServerStart start, RunnerStart runner)
    {
        var options = start.Settings.Options;
        var pool = new RunnerPoolOptions
        {
            Start = runner,
            QueueLength = options.QueueLength,
            KeepAlive = options.KeepAlive,
            Load = LoadWords.Of(options),
            SessionsFolder = start.Paths.Sessions,
            SessionQuotaBytes = options.SessionsQuotaBytes,
            PromptCacheBytes = options.PromptCacheBytes,
            IdleAfter = options.KvIdle,
            Log = _runnerLog.Write,
        };
        return new InferenceEngine(new SuppliedModels(_supply), new MemoryLedger(new SystemMemoryGauge()), pool, start.Time);
    }

    private void MapApi(RouteTable routes, MetricRegistry registry)
    {
        var metrics = new GenerationMetrics(registry, _engine);
        PublicEndpoints.Map(routes, registry);
        new ModelsEndpoint(_engine).Map(routes);
        new ChatCompletionsEndpoint(_engine, metrics, _start.Time).Map(routes);
        new CompletionsEndpoint(_engine, metrics, _start.Time).Map(routes);
    }

    private void MapAdmin(RouteTable routes, MetricRegistry registry, ILogger logger, RunnerStart runner)
    {
        var facts = new DaemonFacts
        {
            Version = new VersionReport
            {
                Version = ProgramVersion.Current,
                Pid = Environment.ProcessId,
                StartedAt = _start.Time.GetUtcNow(),
                Runtime = RuntimeInformation.FrameworkDescription,
            },
            Home = _start.Paths.Home,
            SocketPath = _start.Paths.Socket,
            KeyRequired = _start.Settings.Options.ApiKeys.Count > 0,
            Front = () => _front,
            FreeBytes = () => _supply.FreeBytes,
            RequestShutdown = () => _shutdown.TrySetResult(),
        };
        new DaemonEndpoint(facts, _supply, _engine, _jobs, logger).Map(routes);
        new JobsEndpoint(_jobs).Map(routes);
        new PullEndpoint(_jobs, _supply, _start.Settings.Options, registry, _start.Time, logger).Map(routes);
        new StoredModelsEndpoint(_supply, _engine, logger).Map(routes);
        new StoreEndpoint(_supply.Upkeep, _sessions, logger).Map(routes);
        new LoadedEndpoint(_engine).Map(routes);
        new SessionsEndpoint(_sessions, _engine as ISessionHolders, logger).Map(routes);
        new ConfigEndpoint(_start.Settings).Map(routes);
        new HealthEndpoint(facts, _supply, _sessions, runner, _start.Time).Map(routes);
        new LogsEndpoint(_start.Paths.DaemonLog, RunnerLogPath(_start.Paths), _start.Time).Map(routes);
    }
}
