using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Stoker.Cli.Output;
using Stoker.Core.Settings;

namespace Stoker.Cli.Commands;

/// <summary>All verbs, put together.</summary>
public static class CommandLine
{
    private const string NoCommand = "Required command was not provided.";

    public static RootCommand Create(CliContext context)
    {
        var global = new GlobalOptions(context);
        var root = new RootCommand("Fetches, keeps and runs language models. `stoker run MODEL` does it all.");
        // `--version` is answered before this is built; two ways would drift.
        foreach (var version in root.Options.OfType<VersionOption>().ToArray()) root.Options.Remove(version);
        global.AddTo(root);
        root.Add(RunCommand.Create(context, global));
        root.Add(RunCommand.CreateChat(context, global));
        root.Add(PullCommand.Create(context, global));
        root.Add(FetchCommand.Create(context, global));
        root.Add(VerifyCommands.Verify(context, global));
        root.Add(VerifyCommands.Repair(context, global));
        root.Add(ListCommands.Models(context, global));
        root.Add(ModelCommands.Show(context, global));
        root.Add(ModelCommands.Remove(context, global));
        root.Add(StoreCommands.Usage(context, global));
        root.Add(StoreCommands.Collect(context, global));
        root.Add(ListCommands.Loaded(context, global));
        root.Add(StopCommand.Create(context, global));
        root.Add(SessionCommands.Create(context, global));
        root.Add(ListCommands.Jobs(context, global));
        root.Add(JobCommands.Pause(context, global));
        root.Add(JobCommands.Resume(context, global));
        root.Add(JobCommands.Cancel(context, global));
        root.Add(ServeCommand.Create(context, global));
        root.Add(DaemonCommands.Status(context, global));
        root.Add(DaemonCommands.Health(context, global));
        root.Add(DaemonCommands.Logs(context, global));
        root.Add(ConfigCommand.Create(context, global));
        root.Add(BenchCommand.Create(context, global));
        root.Add(VersionCommand.Create(context));
        root.Add(CompletionCommand.Create(context));
        HelpExamples.AddTo(root, context.Console);
        return root;
    }

    public static async Task<int> RunAsync(CliContext context, string[] arguments)
    {
        var root = Create(context);
        var parsed = root.Parse(arguments.Length == 0 ? ["--help"] : arguments);
        if (parsed.Errors.Count > 0 && parsed.Action is ParseErrorAction) return TellMistakes(context.Console, parsed);
        // Signals are ours (Interrupts), and so is what happens to exceptions (CommandRoot).
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = context.Console.Out,
            Error = context.Console.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    // The mistake and where help is; the whole help would push the mistake out of sight.
    private static int TellMistakes(CliConsole console, ParseResult parsed)
    {
        var mistakes = parsed.Errors.Select(static error => Plain(error.Message)).Distinct().ToList();
        var verbs = Verbs(parsed);
        if (mistakes is [NoCommand] && verbs.Count > 0) console.Note($"stoker: Say what to do: {string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(command => string.Join(' ', [.. verbs, command.Name])))}.");
        foreach (var mistake in mistakes.Where(static message => message != NoCommand)) console.Note($"stoker: {mistake}");
        if (verbs.Count == 0 && parsed.UnmatchedTokens is [var typed, ..] && Nearest(parsed, typed) is { } near) console.Note($"Did you mean: stoker {near}");
        console.Note($"Help: {string.Join(' ', verbs.Prepend("stoker"))} --help");
        return ExitCodes.Usage;
    }

    /// <summary>The words that lead to the command that was typed: <c>sessions</c>, <c>rm</c>. None: the program itself.</summary>
    public static IReadOnlyList<string> Verbs(ParseResult parsed)
    {
        var verbs = new List<string>();
        for (var at = parsed.CommandResult; at?.Command is not (null or RootCommand); at = at.Parent as CommandResult) verbs.Insert(0, at.Command.Name);
        return verbs;
    }

    // The parser goes on with the name of a .NET type, which is nothing to who typed.
    private static string Plain(string mistake) =>
        mistake.IndexOf(" as expected type ", StringComparison.Ordinal) is var type and > 0 ? mistake[..type] + "." : mistake;

    private static string? Nearest(ParseResult parsed, string typed)
    {
        var names = parsed.RootCommandResult.Command.Subcommands.Where(static command => !command.Hidden).SelectMany(static command => command.Aliases.Prepend(command.Name));
        var best = names.Select(name => (Name: name, Distance: ConfigFile.Distance(typed, name))).MinBy(static pair => pair.Distance);
        return best.Distance <= 2 ? best.Name : null;
    }
}
