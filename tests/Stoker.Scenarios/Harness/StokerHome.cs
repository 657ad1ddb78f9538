using System.Net.Sockets;
using Stoker.Core.Settings;
using Stoker.Native.Libc;

namespace Stoker.Scenarios.Harness;

/// <summary>
/// A home of its own for one scenario: temporary folder, free port, no network but loopback. Disposing it ends everything that was
/// started with it, by pid, and fails when something would not end.
/// </summary>
public sealed class StokerHome : IAsyncDisposable
{
    /// <summary>For one command; a machine that is shared with much else may ask for more.</summary>
    public static readonly TimeSpan Patience =
        TimeSpan.FromSeconds(int.TryParse(System.Environment.GetEnvironmentVariable("STOKER_TEST_PATIENCE_S"), out var seconds) ? seconds : 60);

    private readonly List<RunningProgram> _running = [];

    public StokerHome()
    {
        // Short, because sockets lie in it.
        Folder = Directory.CreateTempSubdirectory("stk-").FullName;
        Environment = new Dictionary<string, string>
        {
            ["PATH"] = System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin",
            ["HOME"] = Folder,
            ["STOKER_HOME"] = Folder,
            ["STOKER_OFFLINE"] = "1",
            ["STOKER_PORT"] = "0",
            ["LANG"] = "C.UTF-8",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        };
        foreach (var name in new[] { "DOTNET_ROOT", "STOKER_LLAMA_DIR" })
        {
            if (System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value) Environment[name] = value;
        }
        Paths = StokerPaths.Create(Folder, Environment);
    }

    public string Folder { get; }

    public StokerPaths Paths { get; }

    /// <summary>Of every command; change it before starting one.</summary>
    public Dictionary<string, string> Environment { get; }

    /// <summary>Runs <c>stoker</c> to its end with empty standard input.</summary>
    public Task<Finished> StokerAsync(params string[] arguments) => StokerAsync(arguments, input: "");

    public async Task<Finished> StokerAsync(string[] arguments, string input)
    {
        await using var program = Start(BuiltProgram.Path, arguments);
        if (input.Length > 0) program.Write(input);
        program.CloseInput();
        return await program.EndAsync(Patience);
    }

    /// <summary>Runs a line of shell in which <c>stoker</c> is the built program.</summary>
    public async Task<Finished> ShellAsync(string line, string? workingFolder = null)
    {
        await using var program = StartShell(line, workingFolder);
        program.CloseInput();
        return await program.EndAsync(Patience);
    }

    public RunningProgram StartShell(string line, string? workingFolder = null) =>
        Start("bash", ["-c", $"stoker() {{ '{BuiltProgram.Path}' \"$@\"; }}\n{line}"], workingFolder);

    public RunningProgram StartStoker(params string[] arguments) => Start(BuiltProgram.Path, arguments);

    public RunningProgram Start(string file, IReadOnlyList<string> arguments, string? workingFolder = null)
    {
        var program = RunningProgram.Start(file, arguments, Environment, workingFolder ?? Folder);
        _running.Add(program);
        return program;
    }

    /// <summary>A client of the API over the Unix socket, where a model may be a path. It waits as long as the test does.</summary>
    public HttpClient Client() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Paths.Socket), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://localhost/"), Timeout = System.Threading.Timeout.InfiniteTimeSpan };

    /// <summary>The runner's pid; fails when there is not exactly one.</summary>
    public int RunnerPid() => Processes().Single(static process => process.Command.Contains(" runner ", StringComparison.Ordinal)).Pid;

    /// <summary>The daemon's pid, or null when none owns the home.</summary>
    public int? DaemonPid() => OwnerLock.IsHeld(Paths) ? OwnerLock.Read(Paths)?.Pid : null;

    /// <summary>Processes that run our program with this home, by pid and what they are.</summary>
    public IReadOnlyList<(int Pid, string Command)> Processes() =>
        [.. Directory.GetDirectories("/proc").Select(static path => int.TryParse(Path.GetFileName(path), out var pid) ? pid : 0).Where(static pid => pid > 0).Select(Describe).OfType<(int, string)>()];

    /// <summary>SIGKILL to the daemon; returns when it is gone.</summary>
    public async Task KillDaemonAsync()
    {
        var pid = DaemonPid() ?? throw new InvalidOperationException("No daemon owns the home.");
        OwnProcess.Signal(pid, UnixSignal.Kill);
        await EventuallyAsync(() => !OwnerLock.IsHeld(Paths), "the killed daemon still owns the home");
    }

    /// <summary>Waits for something outside this process that gives no signal.</summary>
    public async Task EventuallyAsync(Func<bool> condition, string otherwise, TimeSpan? patience = null)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(begun) > (patience ?? Patience)) Assert.Fail($"{otherwise}\n{Describe()}");
            await Task.Delay(20);
        }
    }

    /// <summary>The daemon's log and the processes, for a failure's message.</summary>
    public string Describe()
    {
        var log = File.Exists(Paths.DaemonLog) ? File.ReadAllText(Paths.DaemonLog) : "(none)";
        return $"processes: {string.Join("; ", Processes())}\ndaemon's log:\n{(log.Length > 20_000 ? log[^20_000..] : log)}";
    }

    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed) TestContext.Current.TestOutputHelper?.WriteLine(Describe());
        foreach (var program in _running) await program.DisposeAsync();
        foreach (var (pid, _) in Processes()) TrySignal(pid, UnixSignal.Terminate);
        var begun = TimeProvider.System.GetTimestamp();
        while (Processes() is { Count: > 0 } left)
        {
            if (TimeProvider.System.GetElapsedTime(begun) > Patience)
            {
                foreach (var (pid, _) in left) TrySignal(pid, UnixSignal.Kill);
                Assert.Fail($"These did not end on SIGTERM: {string.Join("; ", left)}");
            }
            await Task.Delay(20);
        }
        Directory.Delete(Folder, recursive: true);
    }

    private static void TrySignal(int pid, UnixSignal signal)
    {
        try
        {
            OwnProcess.Signal(pid, signal);
        }
        catch (LibcException)
        {
            // Gone, and its number with somebody else.
        }
    }

    // Ours are known by the home in their environment: it is a folder that nobody else has ever named.
    private (int Pid, string Command)? Describe(int pid)
    {
        try
        {
            var environment = File.ReadAllText($"/proc/{pid}/environ");
            if (!environment.Split('\0').Contains($"STOKER_HOME={Folder}")) return null;
            var command = File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ').Trim();
            return command.Length == 0 ? null : (pid, command);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
