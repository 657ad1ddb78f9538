using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;

namespace Stoker.Cli.Commands;

/// <summary>Commands about jobs: <c>pause</c>, <c>resume</c>, <c>cancel</c>.</summary>
public static class JobCommands
{
    public static Command Pause(CliContext context, GlobalOptions global) => Create(
        context, global, "pause", "Stop jobs for now; what is fetched stays.", "pausing", static (client, id, cancellationToken) => client.PauseJobAsync(id, cancellationToken));

    public static Command Resume(CliContext context, GlobalOptions global) => Create(
        context, global, "resume", "Let paused jobs go on.", "resuming", static (client, id, cancellationToken) => client.ResumeJobAsync(id, cancellationToken));

    public static Command Cancel(CliContext context, GlobalOptions global) => Create(
        context, global, "cancel", "End jobs, e.g. a download.", "cancelling", static (client, id, cancellationToken) => client.CancelJobAsync(id, cancellationToken));

    private static Command Create(CliContext context, GlobalOptions global, string verb, string description, string doing, Func<DaemonClient, string, CancellationToken, Task<JobSnapshot>> ask)
    {
        var ids = new Argument<string[]>("jobs") { Description = "Ids that `stoker jobs` shows.", HelpName = "JOB", Arity = ArgumentArity.OneOrMore }.NotEmpty();
        var command = new Command(verb, description) { ids };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.TryConnectAsync(parsed, interrupts.Token)
                ?? throw new StokerException(ErrorKind.NotFound, "No daemon runs, so there are no jobs.");
            return await CommandRoot.EachAsync(context, parsed.GetValue(ids)!, async id =>
            {
                var job = await ask(client, id, interrupts.Token);
                context.Console.Note(job.HasEnded ? $"{job.Id} had ended already ({job.State.ToString().ToLowerInvariant()})" : $"{doing} {job.Id} ({Printable.Short(job.Title)})");
            });
        }));
        return command;
    }
}
