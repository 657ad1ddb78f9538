using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Server;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker serve</c>: the daemon in the foreground; <c>--detach</c> and <c>--stop</c> for the one in the background.</summary>
public static class ServeCommand
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var detach = new Option<bool>("--detach", "-d") { Description = "Start in the background and return when it answers." };
        var stop = new Option<bool>("--stop") { Description = "End the running daemon, its models and its jobs." };
        var background = new Option<bool>(BackgroundExit.Flag) { Hidden = true };
        var command = new Command("serve", "Run the daemon: OpenAI's API on HTTP, management on a Unix socket.") { detach, stop, background };
        var flags = new SettingFlags(command);
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, interrupts =>
        {
            if (parsed.GetValue(detach) && parsed.GetValue(stop)) throw new StokerException(ErrorKind.InvalidInput, "--detach and --stop exclude each other.");
            if (parsed.GetValue(stop)) return StopAsync(context, global.Paths(parsed), interrupts.Token);
            if (parsed.GetValue(detach)) return DetachAsync(context, global, flags, parsed, interrupts.Token);
            return ServeAsync(context, Settings(context, global, flags, parsed), parsed.GetValue(background), interrupts.Token);
        }));
        return command;
    }

    private static EffectiveSettings Settings(CliContext context, GlobalOptions global, SettingFlags flags, ParseResult parsed)
    {
        var typed = flags.Typed(parsed);
        foreach (var (key, texts) in global.Flags(parsed)) typed[key] = texts;
        return SettingsReader.Read(typed, context.Environment);
    }

    private static async Task<int> StopAsync(CliContext context, StokerPaths paths, CancellationToken cancellationToken)
    {
        using var client = new DaemonClient(paths.Socket);
        var pid = await new DaemonStop(client, paths, context.Time).StopAsync(cancellationToken);
        context.Console.Note(pid is null ? "No daemon runs." : $"stopped (pid {pid})");
        return ExitCodes.Ok;
    }

    private static async Task<int> DetachAsync(CliContext context, GlobalOptions global, SettingFlags flags, ParseResult parsed, CancellationToken cancellationToken)
    {
        // Wrong settings are told here, at once, and not out of a log.
        Settings(context, global, flags, parsed);
        var paths = global.Paths(parsed);
        using var client = new DaemonClient(paths.Socket);
        var running = await client.TryVersionAsync(cancellationToken);
        if (running is null && await global.StartAsync(paths, flags.Forward(parsed), client, cancellationToken, flags.WithSecrets(parsed, context.Environment)))
            return ExitCodes.Ok;
        running ??= await client.TryVersionAsync(cancellationToken);
        context.Console.Note($"A daemon runs already (pid {running?.Pid}, version {running?.Version}). To start it anew: stoker serve --stop");
        return flags.Typed(parsed).Count > 0 ? ExitCodes.Of(ErrorKind.Conflict) : ExitCodes.Ok;
    }

    private static async Task<int> ServeAsync(CliContext context, EffectiveSettings settings, bool background, CancellationToken cancellationToken)
    {
        var paths = StokerPaths.Create(settings.Options.Home, context.Environment);
        paths.CreateFolders();
        using var owner = await OwnerLock.AcquireAsync(paths, context.Time, cancellationToken);
        if (owner is null)
        {
            if (background) return BackgroundExit.OwnedAlready;
            var holder = OwnerLock.Read(paths);
            throw new StokerException(ErrorKind.Conflict, $"{paths.Home} has a daemon already (pid {holder?.Pid}, on {holder?.Host}). `stoker serve --stop` ends it.");
        }
        await ServeAsync(context, settings, paths, background, cancellationToken);
        return ExitCodes.Ok;
    }

    private static async Task ServeAsync(CliContext context, EffectiveSettings settings, StokerPaths paths, bool background, CancellationToken cancellationToken)
    {
        // In the background standard error is the log already; in the foreground the lines go to both.
        await using var file = background ? TextWriter.Null : OpenLog(paths);
        await using var log = new TeeWriter(context.Console.Error, file);
        var start = new ServerStart { Settings = settings, Paths = paths, Background = background, ProgramPath = context.ProgramPath, Log = log, Time = context.Time };
        await using var server = await StokerServer.StartAsync(start, cancellationToken);
        if (!background) context.Console.Note(context.Console.Dim($"Serving {server.Url}/v1 and {paths.Socket}. Ctrl-C ends it."));
        await Task.WhenAny(server.ShutdownRequested, Task.Delay(Timeout.InfiniteTimeSpan, context.Time, cancellationToken));
    }

    private static StreamWriter OpenLog(StokerPaths paths) =>
        new(new FileStream(paths.DaemonLog, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) { AutoFlush = true };
}
