using System.CommandLine;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Models;
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
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var supply = new FileSupply(global.Paths(parsed).Home, new FetchOptions(), new SourceOptions { Time = context.Time });
            return await VerifyAsync(context, supply, Chosen(parsed.GetValue(model), parsed.GetValue(all)), interrupts.Token);
        }));
        return command;
    }

    public static Command Repair(CliContext context, GlobalOptions global)
    {
        var (model, all) = Arguments(global);
        var mirror = new Option<string[]>("--mirror") { Description = "Another place that may have it: an address, or a file or folder on this machine.", HelpName = "place" };
        var command = new Command("repair", "Bring again only what is damaged or missing of a model: from other copies on this machine, else from where it came.") { model, all, mirror };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var places = parsed.GetValue(mirror)!.ToLookup(static place => place.Contains("://", StringComparison.Ordinal));
            var paths = global.Paths(parsed);
            var settings = FetchCommand.SettingsOf(context, global.Flags(parsed), paths);
            var options = new FetchOptions { Rate = new TokenBucket(settings.FetchMaxRate, context.Time), Connections = new SemaphoreSlim(settings.FetchMaxConnections) };
            var sources = new SourceOptions { Time = context.Time, Allow = AllowedPlaces.Parse(settings.FetchAllow), Copies = new NamedCopies([.. places[false].Select(CopyOf)]) };
            using var supply = new FileSupply(paths.Home, options, sources, settings.QuotaBytes);
            return await RepairAsync(context, supply, Chosen(parsed.GetValue(model), parsed.GetValue(all)), [.. places[true].Select(MirrorOf)], interrupts.Token);
        }));
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

    // A folder's address ends in a slash, which no file's does.
    private static Uri MirrorOf(string text) => text.EndsWith('/') ? SourceAccess.ParseEndpoint(text, "--mirror") : FetchCommand.AddressOf(text);

    private static string CopyOf(string path) => Path.Exists(path)
        ? Path.GetFullPath(path)
        : throw new StokerException(ErrorKind.InvalidInput, $"--mirror: there is no file or folder {Printable.Short(path, 300)}. An address begins with https:// or s3://.");

    private static async Task<int> VerifyAsync(CliContext context, FileSupply supply, string? name, CancellationToken cancellationToken)
    {
        var damaged = 0;
        foreach (var model in supply.Models(name))
        {
            foreach (var file in model.Files)
            {
                var found = await LookAsync(context, supply, model, file, cancellationToken);
                if (found.Blob is not { IsSound: true }) damaged++;
                context.Console.Out.WriteLine($"{model.Name}  {Printable.Short(file.Name)}  {Describe(found)}");
            }
        }
        if (damaged == 0) return ExitCodes.Ok;
        context.Console.Note($"stoker: {Units.Count(damaged, "file")} damaged. Fetch what is bad: stoker repair {name ?? "--all"}");
        return ExitCodes.Of(ErrorKind.Corrupt);
    }

    private static async Task<int> RepairAsync(CliContext context, FileSupply supply, string? name, IReadOnlyList<Uri> mirrors, CancellationToken cancellationToken)
    {
        var access = SourceAccess.FromEnvironment(context.Environment.GetValueOrDefault);
        var line = new LiveLine(context.Console);
        foreach (var model in supply.Models(name).Select(one => Mirrors.Add(one, mirrors, before: null)))
        {
            foreach (var file in model.Files)
            {
                var found = await LookAsync(context, supply, model, file, cancellationToken);
                var mended = await supply.RepairAsync(found, access, report => line.Show($"repairing {file.Name}  {Units.Bytes(report.DoneBytes)} of {Units.Bytes(report.TotalBytes ?? 0)}"), cancellationToken);
                line.Clear();
                context.Console.Out.WriteLine($"{model.Name}  {Printable.Short(file.Name)}  {(mended == RepairedFile.Nothing ? Describe(found) : Describe(mended))}");
            }
        }
        return ExitCodes.Ok;
    }

    private static async Task<VerifiedFile> LookAsync(CliContext context, FileSupply supply, ModelManifest model, ManifestFile file, CancellationToken cancellationToken)
    {
        var line = new LiveLine(context.Console);
        var found = await Task.Run(() => supply.Verify(model, file, done => line.Show($"verifying {file.Name}  {Units.Bytes(done)} of {Units.Bytes(file.SizeBytes ?? 0)}"), cancellationToken), cancellationToken);
        line.Clear();
        return found;
    }

    private static string Describe(RepairedFile mended) => mended.LocalChunks == 0
        ? $"repaired: {Units.Count(mended.Chunks, "chunk")} fetched"
        : $"repaired: {Units.Count(mended.LocalChunks, "chunk")} from {Printable.Short(string.Join(", ", mended.Places), 300)}, {mended.Chunks - mended.LocalChunks} fetched";

    private static string Describe(VerifiedFile found) => found.Blob switch
    {
        null => "missing",
        { IsSound: true } => "ok",
        { BadChunks: [] } => "damaged; which part is not known",
        { BadChunks: var bad } => $"damaged: chunk {string.Join(", ", bad.Take(8))}{(bad.Count > 8 ? $" and {bad.Count - 8} more" : "")} of {Supply.Blobs.Chunk.CountOf(found.File.SizeBytes ?? 0)} (8 MiB each)",
    };
}
