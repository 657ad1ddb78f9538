using FakeHub;
using Microsoft.Extensions.Logging;
using Stoker.Core.Settings;
using Stoker.Server;
using Stoker.Server.Admin.Contracts;
using TinyModel;

namespace Stoker.Tests.Server;

/// <summary>The whole daemon in this process: a home of its own, a loopback hub, and a fake engine unless the test wants runners.</summary>
internal sealed class ServerHarness : IAsyncDisposable
{
    private readonly TempFolder _home = new();
    private readonly TempFolder _hubRoot = new();
    private readonly StringWriter _log = new();

    private ServerHarness()
    {
    }

    public StokerServer Server { get; private set; } = null!;

    public FakeHubServer Hub { get; private set; } = null!;

    public FakeEngine Engine { get; } = new();

    public TempFolder Scratch { get; } = new();

    public StokerPaths Paths { get; private set; } = null!;

    public HttpClient Unix { get; private set; } = null!;

    public HttpClient Tcp { get; private set; } = null!;

    public string Log
    {
        get { lock (_log) return _log.ToString(); }
    }

    /// <summary>What a caller of this test sends along: the loopback hub, and a token that must never be seen again.</summary>
    public PullAccess Access => new() { HuggingFaceEndpoint = Hub.Url, OllamaRegistry = Hub.Url, HuggingFaceToken = Token, Offline = true };

    public const string Token = "hf_secretSECRETsecret";

    public static async Task<ServerHarness> StartAsync(bool withRunners = false, Func<StokerOptions, StokerOptions>? change = null, Action<StokerPaths>? prepare = null)
    {
        var harness = new ServerHarness();
        harness.Hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = harness._hubRoot.Path, HuggingFaceToken = Token });
        var options = new StokerOptions { Home = harness._home.Path, Port = 0 };
        options = change?.Invoke(options) ?? options;
        harness.Paths = StokerPaths.Create(harness._home.Path, new Dictionary<string, string>());
        prepare?.Invoke(harness.Paths);
        harness.Server = await StokerServer.StartAsync(
            new ServerStart
            {
                Settings = new EffectiveSettings(options, SettingNames.All.ToDictionary(static setting => setting.Key, static _ => SettingOrigin.Default)),
                Paths = harness.Paths,
                Background = true,
                ProgramPath = Path.Combine(AppContext.BaseDirectory, "stoker"),
                Log = TextWriter.Synchronized(harness._log),
                LogLevel = LogLevel.Trace,
                Engine = withRunners ? null : _ => harness.Engine,
            },
            CancellationToken.None);
        harness.Unix = FrontHarness.UnixClient(harness.Paths.Socket);
        harness.Tcp = new HttpClient { BaseAddress = new Uri(harness.Server.Url!) };
        return harness;
    }

    /// <summary>A small random model on disk.</summary>
    public IReadOnlyList<string> Model(string name, int seed = 1, int parts = 1) =>
        RandomModel.Write(Scratch.File(name), new RandomModelOptions { Shape = "tiny", Seed = seed, Parts = parts, NormScale = 8 });

    public async ValueTask DisposeAsync()
    {
        Unix?.Dispose();
        Tcp?.Dispose();
        if (Server is not null) await Server.DisposeAsync();
        await Hub.DisposeAsync();
        _home.Dispose();
        _hubRoot.Dispose();
        Scratch.Dispose();
    }
}
