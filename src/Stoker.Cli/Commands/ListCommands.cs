using System.CommandLine;
using System.Globalization;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Engine;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>Commands that list: <c>list</c>, <c>ps</c>, <c>jobs</c>.</summary>
public static class ListCommands
{
    public static Option<bool> JsonFlag() => new("--json") { Description = "Print JSON for programs." };

    public static Command Models(CliContext context, GlobalOptions global)
    {
        var json = JsonFlag();
        var command = new Command("list", "List installed models.") { json };
        command.Aliases.Add("ls");
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var list = await client.ModelsAsync(interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, list, static known => known.ModelList);
            else WriteModels(context, list);
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Loaded(CliContext context, GlobalOptions global)
    {
        var json = JsonFlag();
        var command = new Command("ps", "List loaded models.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.TryConnectAsync(parsed, interrupts.Token);
            var list = client is null ? new LoadedList([]) : await client.LoadedAsync(interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, list, static known => known.LoadedList);
            else if (list.Models.Count == 0) context.Console.Note(client is null ? "No model is loaded: no daemon runs." : "No model is loaded.");
            else WriteLoaded(context, list);
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Jobs(CliContext context, GlobalOptions global)
    {
        var json = JsonFlag();
        var command = new Command("jobs", "List what the daemon is doing and has done.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.TryConnectAsync(parsed, interrupts.Token);
            var list = client is null ? new JobList([]) : await client.JobsAsync(interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, list, static known => known.JobList);
            else if (list.Jobs.Count == 0) context.Console.Note(client is null ? "There are no jobs: no daemon runs." : "There are no jobs.");
            else WriteJobs(context, list);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static void WriteModels(CliContext context, ModelList list)
    {
        if (list.Models.Count == 0)
        {
            context.Console.Note("No model is installed yet. Try: stoker pull qwen2.5:0.5b");
            return;
        }
        var table = new Table("NAME", "SHORT", "SIZE", "PULLED", "") { RightAligned = new HashSet<int> { 2 } };
        foreach (var model in list.Models)
        {
            var ago = model.PulledAt == default ? "-" : Units.Ago(context.Time.GetUtcNow() - model.PulledAt);
            table.Add(Printable.Short(model.Name), Printable.Short(string.Join(", ", model.Aliases.Where(alias => alias != model.Name))), Units.Bytes(model.SizeBytes), ago, model.Loaded ? "loaded" : "");
        }
        table.Write(context.Console);
    }

    private static void WriteLoaded(CliContext context, LoadedList list)
    {
        var table = new Table("NAME", "STATE", "PID", "RESERVED", "PRIVATE", "CONTEXT", "SLOTS", "KV", "THREADS", "REQUESTS", "UNLOADS") { RightAligned = new HashSet<int> { 2, 3, 4, 5, 6, 8, 9 } };
        foreach (var model in list.Models)
        {
            table.Add(
                Printable.Short(model.Name),
                model.State.ToString().ToLowerInvariant(),
                model.Pid?.ToString(CultureInfo.InvariantCulture) ?? "-",
                Units.Bytes(model.ReservedBytes),
                // Its own anonymous pages; weights and KV files are pages that the kernel may take back.
                model.Pid is { } pid && ProcessFigures.TryReadPrivateBytes(pid) is { } privateBytes ? Units.Bytes(privateBytes) : "-",
                model.ContextTokens.ToString(CultureInfo.InvariantCulture),
                model.Slots.ToString(CultureInfo.InvariantCulture),
                model.Kv?.ToString().ToLowerInvariant() ?? "-",
                model.Threads.ToString(CultureInfo.InvariantCulture),
                model.Requests.ToString(CultureInfo.InvariantCulture),
                Unloads(context, model));
        }
        table.Write(context.Console);
        foreach (var model in list.Models.Where(static model => model.KvReason is not null))
            context.Console.Note($"{Printable.Short(model.Name)}: KV lies in memory, because {Printable.Short(model.KvReason, 300)}");
        foreach (var model in list.Models.Where(static model => model.GpuReason is not null))
            context.Console.Note($"{Printable.Short(model.Name)}: {Printable.Short(model.GpuReason, 300)}");
    }

    private static string Unloads(CliContext context, LoadedModel model)
    {
        if (model.State != LoadedState.Idle) return "-";
        return model.UnloadsAt is { } at ? "in " + Units.Duration(at - context.Time.GetUtcNow()) : "never";
    }

    private static void WriteJobs(CliContext context, JobList list)
    {
        var table = new Table("ID", "KIND", "STATE", "SINCE", "WHAT", "AT");
        foreach (var job in list.Jobs)
        {
            var at = job.Failure is { } failure ? Printable.Short(failure.Message, 100)
                : job.State == JobState.Running && JobLine.Current(job) is { } progress ? JobLine.Describe(progress)
                : job.Result is { } result && result != job.Title ? Printable.Short(result) : "";
            table.Add(job.Id, job.Kind, job.State.ToString().ToLowerInvariant(), Units.Ago(context.Time.GetUtcNow() - (job.EndedAt ?? job.CreatedAt)), Printable.Short(job.Title), at);
        }
        table.Write(context.Console);
    }
}
