using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Engine;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker stop</c>: unloads a model, after its answers or ending them.</summary>
public static class StopCommand
{
    /// <summary>What takes less needs no word; what takes longer is told how it goes this often.</summary>
    private static readonly TimeSpan Silent = TimeSpan.FromMilliseconds(300), Often = TimeSpan.FromSeconds(1);

    public static Command Create(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.Optional(global, "A loaded model.");
        var all = new Option<bool>("--all") { Description = "Unload every model." };
        var now = new Option<bool>("--now") { Description = "End its running answers instead of waiting for them; sessions keep what they had, and --continue goes on." };
        var command = new Command("stop", "Unload a model after its running answers. The daemon goes on; `stoker serve --stop` ends it.") { model, all, now };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var name = parsed.GetValue(model) is { } typed ? ModelArgument.Absolute(typed, context.Environment) : null;
            if (name is null != parsed.GetValue(all))
                throw new StokerException(ErrorKind.InvalidInput, "Say which model to unload, or --all. To end the daemon itself: stoker serve --stop");
            using var client = await global.TryConnectAsync(parsed, interrupts.Token);
            var report = client is null ? new UnloadReport(false, 0) : await UnloadAsync(context, client, name, parsed.GetValue(now), interrupts.Token);
            if (!report.Unloaded && name is not null) throw new StokerException(ErrorKind.NotFound, $"{Printable.Short(name)} is not loaded. `stoker ps` lists what is.");
            var ended = report.Ended > 0 ? $", {Units.Count(report.Ended, "answer")} ended" : "";
            context.Console.Note(report.Unloaded ? $"unloaded {(name is null ? "every model" : Printable.Short(name))}{ended}" : "No model is loaded.");
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static async Task<UnloadReport> UnloadAsync(CliContext context, DaemonClient client, string? name, bool now, CancellationToken cancellationToken)
    {
        var unloading = client.UnloadAsync(name, now, cancellationToken);
        var status = new LiveLine(context.Console);
        var (wait, isTold) = (Silent, false);
        while (await Task.WhenAny(unloading, Task.Delay(wait, context.Time, cancellationToken)) != unloading && !cancellationToken.IsCancellationRequested)
        {
            wait = Often;
            if ((await client.LoadedAsync(cancellationToken)).Models is not [{ AnsweringSince: { } since } busy, ..]) continue;
            if (!isTold && !now) context.Console.Note($"waiting for {What(context, busy, since)} to end; `stoker stop {Printable.Short(name ?? "--all")} --now` ends {(busy.Answering == 1 ? "it" : "them")}");
            isTold = true;
            status.Show($"waiting for {What(context, busy, since)} …");
        }
        status.Clear();
        return await unloading;
    }

    private static string What(CliContext context, LoadedModel busy, DateTimeOffset since)
    {
        var time = Units.Duration(context.Time.GetUtcNow() - since);
        return $"{Units.Count(busy.Answering, "answer")} of {Printable.Short(busy.Name)} ({(busy.Answering == 1 ? "" : "the first ")}under way for {time})";
    }
}
