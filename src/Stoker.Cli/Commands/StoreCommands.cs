using System.CommandLine;
using System.Globalization;
using Stoker.Cli.Output;
using Stoker.Core.Errors;

namespace Stoker.Cli.Commands;

/// <summary>Commands about the store as a whole: <c>df</c>, <c>gc</c>.</summary>
public static class StoreCommands
{
    public static Command Usage(CliContext context, GlobalOptions global)
    {
        var json = ListCommands.JsonFlag();
        var command = new Command("df", "Show what models, downloads and conversations take.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var usage = await client.StoreAsync(interrupts.Token);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Console, usage, static known => known.StoreUsage);
                return ExitCodes.Ok;
            }
            var table = new Table("WHAT", "SIZE", "") { RightAligned = new HashSet<int> { 1 } };
            table.Add("models", Units.Bytes(usage.ModelsBytes), $"{usage.Models.ToString(CultureInfo.InvariantCulture)} installed{(usage.SharedBytes > 0 ? $", {Units.Bytes(usage.SharedBytes)} saved by sharing" : "")}");
            table.Add("no model's", Units.Bytes(usage.UnnamedBytes), usage.UnnamedBytes > 0 ? "stoker gc removes what is older than ten minutes" : "");
            table.Add("downloads", Units.Bytes(usage.PartialBytes), usage.PartialBytes > 0 ? "under way, or to be gone on with" : "");
            table.Add("sessions", Units.Bytes(usage.SessionsBytes), usage.SessionsBytes > 0 ? "see stoker sessions list" : "");
            table.Add("prompt cache", Units.Bytes(usage.PromptCacheBytes), usage.PromptCacheBytes > 0 ? "makes room by itself; stoker sessions list --all" : "");
            table.Add("free", Units.Bytes(usage.FreeBytes), usage.QuotaBytes is { } quota ? $"quota {Units.Bytes(quota)}" : "");
            table.Write(context.Console);
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Collect(CliContext context, GlobalOptions global)
    {
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Only say what would be removed." };
        var json = ListCommands.JsonFlag();
        var command = new Command("gc", "Remove what no model needs: files older than ten minutes that no model names, downloads that nobody went on with for two weeks.") { dryRun, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var report = await client.CollectAsync(parsed.GetValue(dryRun), interrupts.Token);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Console, report, static known => known.CollectReport);
                return ExitCodes.Ok;
            }
            foreach (var item in report.Items) context.Console.Out.WriteLine($"{Printable.Short(item.Name, 100)}  {Units.Bytes(item.SizeBytes)}  {item.Why}");
            context.Console.Note($"{(report.DryRun ? "would free" : "freed")} {Units.Bytes(report.Items.Sum(static item => item.SizeBytes))}");
            return ExitCodes.Ok;
        }));
        return command;
    }
}
