using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>Commands about the daemon: <c>status</c>, <c>health</c>, <c>logs</c>.</summary>
public static class DaemonCommands
{
    private const int DefaultLines = 200;

    public static Command Status(CliContext context, GlobalOptions global)
    {
        var json = ListCommands.JsonFlag();
        var command = new Command("status", "Show the daemon at a glance.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.TryConnectAsync(parsed, interrupts.Token)
                ?? throw new StokerException(ErrorKind.Unavailable, "No daemon runs. Any command that needs one starts it; so does: stoker serve --detach");
            var status = await client.StatusAsync(interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, status, static known => known.StatusReport);
            else WriteStatus(context, status);
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Health(CliContext context, GlobalOptions global)
    {
        var json = ListCommands.JsonFlag();
        var command = new Command("health", "Check everything that Stoker needs, and say what to do.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var health = await client.HealthAsync(interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, health, static known => known.HealthReport);
            else WriteHealth(context.Console, health);
            return health.Ok ? ExitCodes.Ok : ExitCodes.Of(ErrorKind.Unavailable);
        }));
        return command;
    }

    public static Command Logs(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.Optional(global, "A loaded model: its runner's log instead of the daemon's.");
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with new lines until Ctrl-C." };
        var lines = new Option<int>("--lines", "-n") { Description = "How many lines to begin with.", HelpName = "number", DefaultValueFactory = static _ => DefaultLines };
        var command = new Command("logs", "Print the daemon's log, or a runner's.") { model, follow, lines };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            if (parsed.GetValue(lines) is < 0 or > 100_000) throw new StokerException(ErrorKind.InvalidInput, "--lines takes 0 to 100000.");
            using var client = await global.TryConnectAsync(parsed, interrupts.Token);
            if (client is null) return WriteFile(context.Console, global.Paths(parsed).DaemonLog, parsed.GetValue(lines));
            var source = parsed.GetValue(model) is { } name ? $"runner&model={Uri.EscapeDataString(ModelArgument.Absolute(name, context.Environment))}" : "daemon";
            var query = $"source={source}&lines={parsed.GetValue(lines)}&follow={(parsed.GetValue(follow) ? "true" : "false")}";
            var none = true;
            await foreach (var line in client.LogsAsync(query, interrupts.Token))
            {
                none = false;
                context.Console.Out.WriteLine(line);
            }
            if (none && parsed.GetValue(model) is { } silent && parsed.GetValue(lines) > 0) context.Console.Note($"No runner of {Printable.Short(silent)} has written anything. `stoker ps` lists what is loaded.");
            return ExitCodes.Ok;
        }));
        return command;
    }

    // Without a daemon its last words are still on disk.
    private static int WriteFile(CliConsole console, string path, int lines)
    {
        console.Note(console.Dim($"No daemon runs; this is the end of {path}."));
        foreach (var line in LogTail.Read(path, 0, lines)) console.Out.WriteLine(line);
        return ExitCodes.Ok;
    }

    private static void WriteStatus(CliContext context, StatusReport status)
    {
        var console = context.Console;
        void Line(string name, string value) => console.Out.WriteLine(TextWidth.Pad(name, 10) + value);
        Line("daemon", $"version {status.Daemon.Version}, pid {status.Daemon.Pid}, up {Units.Duration(context.Time.GetUtcNow() - status.Daemon.StartedAt)}");
        Line("http", status.TcpProblem is { } problem ? $"none: {problem}" : string.Join(", ", status.Urls) + (status.KeyRequired ? " (key required)" : ""));
        Line("home", status.Home);
        Line("socket", status.SocketPath);
        Line("models", $"{status.InstalledModels} installed ({Units.Bytes(status.ModelsBytes)}), {status.LoadedModels} loaded");
        Line("jobs", $"{status.RunningJobs} running, {status.QueuedJobs} waiting");
        Line("memory", $"{Units.Bytes(status.RssAnonBytes)} of its own ({Units.Bytes(status.RssBytes)} resident)");
        Line("disk", $"{Units.Bytes(status.FreeBytes)} free");
    }

    private static void WriteHealth(CliConsole console, HealthReport health)
    {
        var width = health.Checks.Select(static check => TextWidth.Of(check.Name)).DefaultIfEmpty(0).Max() + 2;
        foreach (var check in health.Checks) console.Out.WriteLine($"{TextWidth.Pad(Word(check.State), 9)}{TextWidth.Pad(check.Name, width)}{check.Message}");
        console.Out.WriteLine(health.Ok ? "Everything that Stoker needs is there." : "Something needs attention: see above.");
    }

    private static string Word(HealthState state) => state switch
    {
        HealthState.Ok => "ok",
        HealthState.Warning => "warning",
        _ => "FAILED",
    };
}
