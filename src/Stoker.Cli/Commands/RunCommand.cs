using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker run</c>: one answer, or a chat; fetches what is missing first.</summary>
public static class RunCommand
{
    private const int MaxInputChars = 8 << 20;

    public static Command Create(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.One(global, "Which model: tiny, qwen2.5:0.5b, hf:org/repo:Q8_0, ./model.gguf …");
        var prompt = new Argument<string[]>("prompt")
        {
            Description = "What to ask; `-` stands for standard input. Without one: standard input, or a chat at a terminal.",
            HelpName = "PROMPT",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var flags = new RunFlags();
        var command = new Command("run", "Answer a prompt, or chat. Fetches and loads the model when needed.") { model, prompt };
        flags.AddTo(command, isChat: false);
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var options = flags.Read(parsed);
            var name = ModelArgument.Absolute(parsed.GetValue(model)!, context.Environment);
            if (options.Continue && parsed.GetValue(prompt)!.Length > 0)
                throw new StokerException(ErrorKind.InvalidInput, "--continue goes on with the session's last answer: give it no prompt, or leave it out to say something new.");
            var text = options.Headless || options.Continue ? null : await PromptAsync(context.Console, parsed.GetValue(prompt)!, interrupts.Token);
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var time = new TimeLine();
            var installed = await FindOrFetchAsync(context, client, name, options, time, interrupts.Token);
            var printer = new AnswerPrinter(context, client, options with { Template = options.Template with { Model = installed } });
            if (options.Headless) return await LoadAsync(context, client, printer, options, installed, interrupts.Token);
            if (options.Continue) return ExitCodeOf(await printer.PrintAsync([], time, interrupts.Token));
            if (text is null) return await new ChatLoop(context, printer, installed, options.System).RunAsync(interrupts);

            List<ChatTurn> turns = options.System is { } system ? [new ChatTurn("system", system)] : [];
            turns.Add(new ChatTurn("user", text));
            return ExitCodeOf(await printer.PrintAsync(turns, time, interrupts.Token));
        }));
        return command;
    }

    /// <summary><c>stoker chat</c>: the chat alone, also with messages piped in, a line each.</summary>
    public static Command CreateChat(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.One(global, "Which model: tiny, qwen2.5:0.5b, hf:org/repo:Q8_0, ./model.gguf …");
        var flags = new RunFlags();
        var command = new Command("chat", "Chat with a model. Fetches and loads it when needed.") { model };
        flags.AddTo(command, isChat: true);
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var options = flags.Read(parsed);
            var name = ModelArgument.Absolute(parsed.GetValue(model)!, context.Environment);
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var installed = await FindOrFetchAsync(context, client, name, options, new TimeLine(), interrupts.Token);
            var printer = new AnswerPrinter(context, client, options with { Template = options.Template with { Model = installed } });
            return await new ChatLoop(context, printer, installed, options.System).RunAsync(interrupts);
        }));
        return command;
    }

    private static int ExitCodeOf(PrintedAnswer answer) => answer.Interrupted ? ExitCodes.Interrupted : ExitCodes.Ok;

    /// <summary>Loads, says where it is served and for how long, and leaves.</summary>
    private static async Task<int> LoadAsync(CliContext context, DaemonClient client, AnswerPrinter printer, RunOptions options, string model, CancellationToken cancellationToken)
    {
        await printer.LoadAsync(cancellationToken);
        var status = await client.StatusAsync(cancellationToken);
        var where = status.Urls is [var url, ..] ? $"{url}/v1" : status.SocketPath;
        var loaded = (await client.LoadedAsync(cancellationToken)).Models.FirstOrDefault(loaded => loaded.Name == model);
        context.Console.Note($"{Printable.Short(model)} is loaded and served at {where}{Rest(loaded?.UnloadsAt - context.Time.GetUtcNow())}. `stoker stop` unloads it.");
        if (options.Template.Session is { } session)
            context.Console.Note($"Talk in session {session}: stoker chat {Printable.Short(model)} --session {session}");
        return ExitCodes.Ok;
    }

    // A later request loads it again, but not with these flags.
    private static string Rest(TimeSpan? unloads) =>
        unloads is { } rest && rest > TimeSpan.Zero ? $" until nobody has asked for {Units.Duration(TimeSpan.FromSeconds(Math.Ceiling(rest.TotalSeconds)))} (--keep-alive -1: for ever)" : "";

    /// <summary>The prompt, or null for a chat.</summary>
    private static async Task<string?> PromptAsync(CliConsole console, string[] words, CancellationToken cancellationToken)
    {
        if (words.Length == 0 && console.InIsTerminal) return null;
        var needsInput = words.Length == 0 || words.Contains("-");
        var input = needsInput ? await ReadInputAsync(console.In, cancellationToken) : "";
        var text = words.Length == 0 ? input : string.Join(' ', words.Select(word => word == "-" ? input : word));
        if (string.IsNullOrWhiteSpace(text))
            throw new StokerException(ErrorKind.InvalidInput, "The prompt is empty: write it after the model's name, or pipe it in.");
        return text;
    }

    private static async Task<string> ReadInputAsync(TextReader input, CancellationToken cancellationToken)
    {
        var text = new System.Text.StringBuilder();
        var buffer = new char[16 * 1024];
        int count;
        while ((count = await input.ReadAsync(buffer, cancellationToken)) > 0)
        {
            text.Append(buffer, 0, count);
            if (text.Length > MaxInputChars) throw new StokerException(ErrorKind.TooLarge, $"Standard input has more than {Units.Bytes(MaxInputChars)} of text, more than any context holds.");
        }
        return text.ToString().TrimEnd('\n', '\r');
    }

    /// <summary>The name under which the model is installed, after fetching it when it is not, or not whole.</summary>
    private static async Task<string> FindOrFetchAsync(CliContext context, DaemonClient client, string name, RunOptions options, TimeLine time, CancellationToken cancellationToken)
    {
        if (await client.TryShowAsync(name, cancellationToken) is { } installed && IsFrom(installed.Summary.Source, options.Source) && !IsToFetchAgain(installed))
            return installed.Summary.Name;
        var job = await new PullFlow(context, client, new PullRequest { Reference = name, Source = options.Source, ToRun = true }).FetchAsync(name, cancellationToken);
        time.Take(job.Progress);
        return job.Result ?? name;
    }

    /// <summary>A pulled model that lost a file, or has one that was changed: the job that sees to it shows how far it is, and fetches only what is damaged. One that is not understood stays so however often it comes. One used in place has no source to come from again; loading it says what is wrong.</summary>
    private static bool IsToFetchAgain(ModelReport installed) =>
        (installed.IsUnverified || installed.ProblemKind is ErrorKind.Corrupt or ErrorKind.NotFound) && installed.Summary.Source is not (ModelSourceKind.File or ModelSourceKind.Builtin);

    private static bool IsFrom(ModelSourceKind kind, string? source) => source switch
    {
        "huggingface" => kind == ModelSourceKind.HuggingFace,
        "ollama" => kind == ModelSourceKind.Ollama,
        _ => true,
    };
}
