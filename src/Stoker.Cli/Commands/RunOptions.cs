using System.CommandLine;
using System.Globalization;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Engine.Decoding;
using Stoker.Engine.Sessions;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>What <c>stoker run</c> was asked for, beside model and prompt.</summary>
public sealed record RunOptions
{
    public string? System { get; init; }
    public string? Source { get; init; }
    public bool Verbose { get; init; }

    /// <summary>Nothing new is said: the session's last answer goes on.</summary>
    public bool Continue { get; init; }

    /// <summary>Load and leave.</summary>
    public bool Headless { get; init; }

    /// <summary>Everything of the request but its messages.</summary>
    public required ChatRequest Template { get; init; }
}

/// <summary>The flags of <c>stoker run</c>.</summary>
public sealed class RunFlags
{
    private readonly Option<string?> _system = new("--system") { Description = "What the model is told before anything else.", HelpName = "text" };
    private readonly Option<string?> _source = PullCommand.SourceOption();
    private readonly Option<float?> _temperature = new("--temp") { Description = "Randomness; 0 always takes the likeliest token. [default: the model's, else 0.8]", HelpName = "0..5" };
    private readonly Option<int?> _topK = new("--top-k") { Description = "Choose among so many tokens; 0 switches it off. [default: the model's, else 40]", HelpName = "number" };
    private readonly Option<float?> _topP = new("--top-p") { Description = "Choose among the likeliest tokens of this much probability. [default: the model's, else 0.95]", HelpName = "0..1" };
    private readonly Option<float?> _minP = new("--min-p") { Description = "Drop tokens less likely than this share of the likeliest. [default: the model's, else 0.05]", HelpName = "0..1" };
    private readonly Option<float?> _repeatPenalty = new("--repeat-penalty") { Description = "Make recent tokens less likely; 1 switches it off. [default: the model's, else 1]", HelpName = "number" };
    private readonly Option<uint?> _seed = new("--seed") { Description = "The same seed, prompt and model give the same answer. [default: random]", HelpName = "number" };
    private readonly Option<int?> _maxTokens = new("--max-tokens", "-n") { Description = "Longest answer, in tokens. [default: to the context's end]", HelpName = "number" };
    private readonly Option<string[]> _stop = new("--stop") { Description = "End the answer before this text; may be given several times.", HelpName = "text" };
    private readonly Option<string?> _session = new("--session") { Description = "Keep the conversation under this name, across restarts, and go on in it.", HelpName = "name" };
    private readonly Option<bool> _continue = new("--continue") { Description = "With --session: go on with its last answer, which was broken off or ended at its length." };
    private readonly Option<bool> _headless = new("--headless") { Description = "Load the model, leave it running behind the API, and return." };
    private readonly LoadFlags _load = new();
    private readonly Option<string?> _keepAlive = new("--keep-alive") { Description = "How long the model stays loaded afterwards: 10m, 0, -1 (for ever).", HelpName = "duration" };
    private readonly Option<string?> _grammar = new("--grammar") { Description = "File with a GBNF grammar that the answer follows.", HelpName = "file" };
    private readonly Option<string?> _chatTemplate = new("--chat-template") { Description = "A built-in chat template instead of the model's own, e.g. chatml.", HelpName = "name" };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "Show what each step took, and tokens per second." };

    /// <param name="isChat">Without what makes no sense in a chat.</param>
    public void AddTo(Command command, bool isChat)
    {
        Option[] all = [_session, _system, _temperature, _topK, _topP, _minP, _repeatPenalty, _seed, _maxTokens, _stop, _keepAlive, _grammar, _chatTemplate, _source, _verbose];
        foreach (var option in all) command.Add(option);
        if (!isChat)
        {
            command.Add(_continue);
            command.Add(_headless);
        }
        _load.AddTo(command);
    }

    /// <exception cref="StokerException">InvalidInput or Io: a number out of range, the keep-alive or the grammar file.</exception>
    public RunOptions Read(ParseResult parsed) => new()
    {
        System = parsed.GetValue(_system),
        Source = parsed.GetValue(_source),
        Verbose = parsed.GetValue(_verbose),
        Headless = parsed.GetResult(_headless) is not null && parsed.GetValue(_headless),
        Continue = IsToContinue(parsed),
        Template = new ChatRequest
        {
            Model = "",
            Messages = [],
            Stream = true,
            StreamOptions = new StreamOptions(IncludeUsage: true),
            Temperature = Checked(_temperature, parsed, 0, 5),
            TopK = LoadFlags.Checked(_topK, parsed, 0, 1_000_000),
            TopP = Checked(_topP, parsed, 0, 1, aboveLeast: true),
            MinP = Checked(_minP, parsed, 0, 1),
            RepeatPenalty = Checked(_repeatPenalty, parsed, 0, 10, aboveLeast: true),
            Seed = parsed.GetValue(_seed),
            MaxCompletionTokens = LoadFlags.Checked(_maxTokens, parsed, 1, int.MaxValue),
            Stop = StopsOf(parsed.GetValue(_stop)!),
            Grammar = ReadGrammar(parsed.GetValue(_grammar)),
            ChatTemplate = parsed.GetValue(_chatTemplate),
            Session = SessionOf(parsed),
            Append = parsed.GetValue(_session) is not null,
            Stoker = _load.Read(parsed) with { Progress = true, KeepAliveS = ParseKeepAlive(parsed.GetValue(_keepAlive)) },
        },
    };

    private bool IsToContinue(ParseResult parsed)
    {
        if (parsed.GetResult(_continue) is null || !parsed.GetValue(_continue)) return false;
        if (parsed.GetValue(_session) is null) throw new StokerException(ErrorKind.InvalidInput, "--continue goes on with a kept conversation: name it with --session.");
        if (parsed.GetValue(_system) is not null) throw new StokerException(ErrorKind.InvalidInput, "--continue goes on with an answer that has begun: --system comes too late for it.");
        return true;
    }

    private string? SessionOf(ParseResult parsed) => parsed.GetValue(_session) switch
    {
        null => null,
        { } name when SessionName.IsId(name) || SessionName.WhyNot(name) is null => name,
        { } name => throw new StokerException(ErrorKind.InvalidInput, $"--session: '{Printable.Short(name)}' is no session name: {SessionName.WhyNot(name)}. {SessionName.Rule}"),
    };

    // What the API would refuse is refused before anything is fetched, in the words that were typed.
    private static float? Checked(Option<float?> option, ParseResult parsed, float least, float most, bool aboveLeast = false) => parsed.GetValue(option) switch
    {
        null => null,
        { } value when value <= most && (value > least || (value == least && !aboveLeast)) => value,
        { } value => throw new StokerException(ErrorKind.InvalidInput, string.Create(CultureInfo.InvariantCulture, $"{option.Name} takes {(aboveLeast ? "more than " : "")}{least} to {most}, not {value}.")),
    };

    private static string[]? StopsOf(string[] stops)
    {
        if (stops.Length > GenerationChecks.MaxStops || Array.Exists(stops, static stop => stop.Length is 0 or > GenerationChecks.MaxStopLength))
            throw new StokerException(ErrorKind.InvalidInput, $"--stop takes up to {GenerationChecks.MaxStops} texts of 1 to {GenerationChecks.MaxStopLength} characters.");
        return stops.Length > 0 ? stops : null;
    }

    private static double? ParseKeepAlive(string? text)
    {
        if (text is null) return null;
        try
        {
            return SettingText.ParseDuration(text).TotalSeconds;
        }
        catch (FormatException problem)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"--keep-alive: {problem.Message}", problem);
        }
    }

    private static string? ReadGrammar(string? path)
    {
        if (path is null) return null;
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"The grammar cannot be read: {problem.Message}", problem);
        }
    }
}
