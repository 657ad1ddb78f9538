using System.CommandLine;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker verify</c> and <c>stoker repair</c>: every byte of stored models is read; what is bad is named, or fetched again.</summary>
public static class VerifyCommands
{
    public static Command Verify(CliContext context, GlobalOptions global)
    {
        var (model, all) = Arguments(global);
        var command = new Command("verify", "Read every byte of a model and say which part is damaged.") { model, all };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, interrupts =>
            RunAsync(context, global.Paths(parsed).Home, Chosen(parsed.GetValue(model), parsed.GetValue(all)), repair: false, interrupts.Token)));
        return command;
    }

    public static Command Repair(CliContext context, GlobalOptions global)
    {
        var (model, all) = Arguments(global);
        var command = new Command("repair", "Fetch again only what is damaged or missing of a model.") { model, all };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, interrupts =>
            RunAsync(context, global.Paths(parsed).Home, Chosen(parsed.GetValue(model), parsed.GetValue(all)), repair: true, interrupts.Token)));
        return command;
    }

    private static (Argument<string?> Model, Option<bool> All) Arguments(GlobalOptions global) =>
        (ModelArgument.Optional(global, "Which model."), new Option<bool>("--all") { Description = "Every model that is installed." });

    private static string? Chosen(string? model, bool all) => (model, all) switch
    {
        (null, false) => throw new StokerException(ErrorKind.InvalidInput, "Name a model, or say --all."),
        (not null, true) => throw new StokerException(ErrorKind.InvalidInput, "Either a model or --all, not both."),
        _ => model,
    };

    private static async Task<int> RunAsync(CliContext context, string home, string? name, bool repair, CancellationToken cancellationToken)
    {
        using var supply = new FileSupply(home, new FetchOptions(), new SourceOptions { Time = context.Time });
        var access = SourceAccess.FromEnvironment(context.Environment.GetValueOrDefault);
        var models = supply.Models(name);
        var line = new LiveLine(context.Console);
        var damaged = 0;
        foreach (var model in models)
        {
            foreach (var file in model.Files)
            {
                var found = await Task.Run(() => supply.Verify(model, file, done => line.Show($"verifying {file.Name}  {Units.Bytes(done)} of {Units.Bytes(file.SizeBytes ?? 0)}"), cancellationToken), cancellationToken);
                line.Clear();
                if (found.Blob is { IsSound: true })
                {
                    context.Console.Out.WriteLine($"{model.Name}  {Printable.Short(file.Name)}  ok");
                    continue;
                }
                if (!repair)
                {
                    damaged++;
                    context.Console.Out.WriteLine($"{model.Name}  {Printable.Short(file.Name)}  {Describe(found)}");
                    continue;
                }
                var chunks = await supply.RepairAsync(found, access, report => line.Show($"repairing {file.Name}  {Units.Bytes(report.DoneBytes)} of {Units.Bytes(report.TotalBytes ?? 0)}"), cancellationToken);
                line.Clear();
                context.Console.Out.WriteLine($"{model.Name}  {Printable.Short(file.Name)}  repaired: {Units.Count(chunks, "chunk")} fetched");
            }
        }
        if (damaged == 0) return ExitCodes.Ok;
        context.Console.Note($"stoker: {Units.Count(damaged, "file")} damaged. Fetch what is bad: stoker repair {name ?? "--all"}");
        return ExitCodes.Of(ErrorKind.Corrupt);
    }

    private static string Describe(VerifiedFile found) => found.Blob switch
    {
        null => "missing",
        { BadChunks: [] } => "damaged; which part is not known",
        { BadChunks: var bad } => $"damaged: chunk {string.Join(", ", bad.Take(8))}{(bad.Count > 8 ? $" and {bad.Count - 8} more" : "")} of {Supply.Blobs.Chunk.CountOf(found.File.SizeBytes ?? 0)} (8 MiB each)",
    };
}
