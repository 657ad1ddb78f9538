using System.CommandLine;
using System.Globalization;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>Commands about one installed model: <c>show</c>, <c>rm</c>.</summary>
public static class ModelCommands
{
    public static Command Show(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.One(global, "An installed model, or a path.");
        var json = ListCommands.JsonFlag();
        var template = new Option<bool>("--template") { Description = "Print the chat template alone." };
        var license = new Option<bool>("--license") { Description = "Print the licence alone." };
        var command = new Command("show", "Show what a model is.") { model, json, template, license };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var name = ModelArgument.Absolute(parsed.GetValue(model)!, context.Environment);
            var report = await client.ShowAsync(name, interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, report, static known => known.ModelReport);
            else if (parsed.GetValue(template)) context.Console.Out.WriteLine(Only(report.ChatTemplate, "chat template", name));
            else if (parsed.GetValue(license)) context.Console.Out.WriteLine(Only(report.License, "licence", name));
            else Write(context.Console, report);
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Remove(CliContext context, GlobalOptions global)
    {
        var models = ModelArgument.Several(global, "Installed models.");
        var command = new Command("rm", "Remove models. Blobs that others share stay.") { models };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            return await CommandRoot.EachAsync(context, parsed.GetValue(models)!, async model =>
            {
                var removed = await client.RemoveAsync(model, interrupts.Token);
                var freed = removed.FreedBytes is { } bytes ? bytes > 0 ? $" ({Units.Bytes(bytes)} freed)" : " (its blobs are shared with another model and stay)" : "";
                context.Console.Out.WriteLine($"removed {Printable.Short(removed.Name)}{freed}");
            });
        }));
        return command;
    }

    private static string Only(string? text, string what, string model) =>
        text ?? throw new StokerException(ErrorKind.NotFound, $"{Printable.Short(model)} carries no {what}.");

    private static void Write(CliConsole console, ModelReport report)
    {
        foreach (var (name, value) in Lines(report))
        {
            if (value is { Length: > 0 }) console.Out.WriteLine($"{TextWidth.Pad(name, 14)}{value}");
        }
        if (report.Files.Count == 0) return;
        console.Out.WriteLine();
        var table = new Table("FILE", "ROLE", "SIZE", "DIGEST") { RightAligned = new HashSet<int> { 2 } };
        foreach (var file in report.Files)
            table.Add(Printable.Short(file.Name), file.Role.ToString().ToLowerInvariant(), file.SizeBytes is { } size ? Units.Bytes(size) : "?", file.Digest ?? "none kept: used in place");
        table.Write(console);
    }

    private static IEnumerable<(string Name, string? Value)> Lines(ModelReport report)
    {
        var model = report.Summary;
        yield return ("name", Printable.Short(model.Name));
        yield return ("short names", Printable.Short(string.Join(", ", model.Aliases.Where(alias => alias != model.Name))));
        yield return ("title", Printable.Short(report.Title));
        yield return ("source", SourceName(model.Source) + (model.Revision is { } revision ? $" at {Printable.Short(revision)}" : ""));
        yield return ("architecture", Printable.Short(report.Architecture));
        yield return ("parameters", report.Parameters is { } count ? Units.Parameters(count) : null);
        yield return ("quantisation", Printable.Short(report.Quantisation));
        yield return ("context", report.ContextTokens is { } tokens ? string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens (trained)") : null);
        yield return ("layers", Number(report.Layers));
        yield return ("embedding", Number(report.EmbeddingLength));
        yield return ("tokenizer", Tokenizer(report));
        yield return ("tensors", Number(report.Tensors));
        if (model.Selection is null) yield return ("template", report.ChatTemplate is { } template ? string.Create(CultureInfo.InvariantCulture, $"{template.Length} characters (--template prints it)") : "none: a base model");
        yield return ("licence", License(report.License));
        yield return ("defaults", Defaults(report.Defaults));
        yield return ("kept as", model.Selection is { } kept ? Kept(kept) : null);
        yield return ("size", Units.Bytes(model.SizeBytes));
        yield return ("state", report.IsUnverified ? "a file was changed or moved since it was verified; the next use hashes it first" : null);
        yield return ("problem", Printable.Short(report.Problem, 400));
    }

    private static string Kept(FileSelection kept) =>
        "a repository of files, for other programs" + (kept.Include.Count > 0 ? $"; only {string.Join(", ", kept.Include)}" : "") + (kept.Exclude.Count > 0 ? $"; not {string.Join(", ", kept.Exclude)}" : "");

    private static string SourceName(ModelSourceKind source) => source switch
    {
        ModelSourceKind.HuggingFace => "Hugging Face",
        ModelSourceKind.Ollama => "Ollama",
        ModelSourceKind.Url => "an address",
        ModelSourceKind.S3 => "S3",
        ModelSourceKind.File => "a file of this machine, used in place",
        ModelSourceKind.Builtin => "ships with Stoker",
        _ => source.ToString(),
    };

    private static string? Tokenizer(ModelReport report) =>
        report.Tokenizer is null ? null : Printable.Short(report.Tokenizer) + (report.VocabularySize is { } size ? string.Create(CultureInfo.InvariantCulture, $", {size} tokens") : "");

    private static string? License(string? license)
    {
        if (string.IsNullOrEmpty(license)) return null;
        var first = license.TrimStart().Split('\n', 2)[0];
        return Printable.Short(first) + (license.Trim().Contains('\n', StringComparison.Ordinal) ? " … (--license prints it)" : "");
    }

    private static string? Defaults(ModelDefaults? defaults)
    {
        if (defaults is null) return null;
        var parts = new List<string>();
        void Add(string name, IFormattable? value)
        {
            if (value is not null) parts.Add($"{name} {value.ToString(null, CultureInfo.InvariantCulture)}");
        }
        Add("temperature", defaults.Temperature);
        Add("top-k", defaults.TopK);
        Add("top-p", defaults.TopP);
        Add("min-p", defaults.MinP);
        Add("repeat penalty", defaults.RepeatPenalty);
        Add("context", defaults.ContextTokens);
        if (defaults.Stop.Count > 0) parts.Add("stop " + string.Join(" ", defaults.Stop.Select(static stop => $"'{Printable.Short(stop, 40)}'")));
        return string.Join(", ", parts);
    }

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
