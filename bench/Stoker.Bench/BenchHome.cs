using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Stoker.Bench;

/// <summary>
/// A home of its own in a temporary folder, a loopback hub and a daemon in the foreground. Disposing ends what was started and
/// removes the folder.
/// </summary>
internal sealed class BenchHome : IAsyncDisposable
{
    private readonly BenchOptions _options;
    private readonly string _folder = Directory.CreateTempSubdirectory("stkb-").FullName;
    private readonly Dictionary<string, string?> _environment;
    private Process? _hub;
    private Process? _daemon;

    public BenchHome(BenchOptions options)
    {
        _options = options;
        Port = FreePort();
        HubFolder = Path.Combine(_folder, "hub");
        _environment = new Dictionary<string, string?>
        {
            ["STOKER_HOME"] = Path.Combine(_folder, "home"),
            ["STOKER_OFFLINE"] = "1",
            ["STOKER_PORT"] = Port.ToString(CultureInfo.InvariantCulture),
            ["STOKER_API_KEY"] = null,
            ["STOKER_HOST"] = null,
            ["HF_TOKEN"] = null,
        };
    }

    public int Port { get; }

    /// <summary>What the hub serves.</summary>
    public string HubFolder { get; }

    public int DaemonId => _daemon!.Id;

    /// <summary>The one runner, while a model is loaded.</summary>
    public int RunnerId => ProcFiles.Children(DaemonId, "runner") is [var only] ? only : throw new InvalidOperationException("There is not exactly one runner.");

    /// <summary>Calls over the Unix socket, as the owner of the machine; whatever host an address names.</summary>
    public HttpClient OwnersClient() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, "home/run/stoker.sock")), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    });

    /// <summary>Starts hub and daemon; the daemon answers when this returns.</summary>
    public async Task StartAsync(int threads, CancellationToken cancellationToken)
    {
        _hub = Process.Start(new ProcessStartInfo(_options.HubProgram, ["--root", HubFolder, "--print-urls"]) { RedirectStandardOutput = true })!;
        for (var i = 0; i < 3; i++)
        {
            var line = await _hub.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The hub did not start.");
            var parts = line.Split('=', 2);
            _environment[parts[0]] = parts[1];
        }
        await StartDaemonAsync(threads, cancellationToken);
    }

    /// <summary>Starts the daemon anew with another number of threads.</summary>
    public async Task StartDaemonAsync(int threads, CancellationToken cancellationToken)
    {
        await StopDaemonAsync();
        _environment["STOKER_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        var start = new ProcessStartInfo(_options.Program, ["serve"]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Apply(start);
        _daemon = Process.Start(start)!;
        _daemon.OutputDataReceived += static (_, _) => { };
        _daemon.ErrorDataReceived += static (_, _) => { };
        _daemon.BeginOutputReadLine();
        _daemon.BeginErrorReadLine();
        using var client = new HttpClient();
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            if (_daemon.HasExited) throw new InvalidOperationException($"The daemon ended with {_daemon.ExitCode}.");
            try
            {
                using var answer = await client.GetAsync($"http://127.0.0.1:{Port}/health", cancellationToken);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(20))
            {
                // Not listening yet.
            }
            await Task.Delay(50, cancellationToken);
        }
    }

    /// <summary>Runs a command of the program to its end and returns what it printed.</summary>
    public async Task<string> StokerAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(_options.Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Apply(start);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0) throw new InvalidOperationException($"stoker {string.Join(' ', arguments)} ended with {process.ExitCode}: {await error}");
        return await output;
    }

    public async ValueTask DisposeAsync()
    {
        await StopDaemonAsync();
        if (_hub is { HasExited: false }) _hub.Kill();
        _hub?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StopDaemonAsync()
    {
        if (_daemon is null) return;
        Stoker.Native.Libc.OwnProcess.Signal(_daemon.Id, Stoker.Native.Libc.UnixSignal.Terminate);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        try
        {
            await _daemon.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _daemon.Kill();
        }
        _daemon.Dispose();
        _daemon = null;
    }

    private void Apply(ProcessStartInfo start)
    {
        foreach (var (name, value) in _environment)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
