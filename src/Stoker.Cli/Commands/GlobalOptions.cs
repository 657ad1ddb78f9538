using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>Flags that every command has, and the way to the daemon that they describe.</summary>
public sealed class GlobalOptions(CliContext context)
{
    public Option<string> Home { get; } = new(SettingNames.Home.Flag) { Description = SettingNames.Home.Doc, HelpName = "folder", Recursive = true };

    public Option<bool> NoStart { get; } = new("--no-start") { Description = "Do not start the daemon when none runs.", Recursive = true };

    public void AddTo(Command root)
    {
        root.Add(Home);
        root.Add(NoStart);
    }

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Flags(ParseResult parsed) =>
        parsed.GetValue(Home) is { Length: > 0 } home ? new Dictionary<string, IReadOnlyList<string>> { [SettingNames.Home.Key] = [home] } : [];

    public StokerPaths Paths(ParseResult parsed) =>
        StokerPaths.Create(SettingsReader.FindHome(Flags(parsed), context.Environment), context.Environment);

    /// <summary>The running daemon, or a new one in the background (told on standard error). The caller disposes the client.</summary>
    /// <exception cref="StokerException">Unavailable: none runs and <c>--no-start</c> was given, or it cannot be started.</exception>
    public async Task<DaemonClient> ConnectAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var paths = Paths(parsed);
        var client = new DaemonClient(paths.Socket);
        try
        {
            var running = await client.TryVersionAsync(cancellationToken);
            if (running is not null && running.Version != ProgramVersion.Current && await OfferRestartAsync(running, client, paths, cancellationToken)) running = null;
            if (running is not null) return client;
            if (parsed.GetValue(NoStart)) throw new StokerException(ErrorKind.Unavailable, "No daemon runs, and --no-start forbids starting one. Start it: stoker serve --detach");
            await StartAsync(paths, [], client, cancellationToken);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>The running daemon, or null. The caller disposes the client.</summary>
    public async Task<DaemonClient?> TryConnectAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var client = new DaemonClient(Paths(parsed).Socket);
        if (await client.TryVersionAsync(cancellationToken) is not null) return client;
        client.Dispose();
        return null;
    }

    /// <summary>Starts a daemon in the background and says so. False: there was one already.</summary>
    public async Task<bool> StartAsync(StokerPaths paths, IReadOnlyList<string> arguments, DaemonClient client, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new DaemonStart { ProgramPath = context.ProgramPath, Paths = paths, Arguments = arguments, Environment = environment ?? context.Environment };
        if (await new DaemonStarter(start, client, context.Time).StartAsync(cancellationToken) is not { } started) return false;
        context.Console.Note($"started stoker in the background (pid {started.Pid}, log {started.LogPath})");
        if ((await client.StatusAsync(cancellationToken)).TcpProblem is { } problem) context.Console.Note($"note: {problem}");
        return true;
    }

    private async Task<bool> OfferRestartAsync(VersionReport running, DaemonClient client, StokerPaths paths, CancellationToken cancellationToken)
    {
        var console = context.Console;
        console.Note($"The daemon (pid {running.Pid}) is version {running.Version}; this program is {ProgramVersion.Current}.");
        if (!console.InIsTerminal || !console.ErrorIsTerminal)
        {
            console.Note("To renew it: stoker serve --stop, then this command again.");
            return false;
        }
        var status = await client.StatusAsync(cancellationToken);
        var busy = status.RunningJobs + status.QueuedJobs is > 0 and var jobs ? $" It has {Units.Count(jobs, "job")}, which would end." : "";
        console.Error.Write($"Restart it?{busy} [y/N] ");
        if (console.In.ReadLine()?.Trim() is not ("y" or "Y" or "yes")) return false;
        await new DaemonStop(client, paths, context.Time).StopAsync(cancellationToken);
        return true;
    }
}
