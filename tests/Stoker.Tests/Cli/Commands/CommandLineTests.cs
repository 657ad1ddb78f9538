using System.CommandLine;
using Stoker.Cli.Commands;

namespace Stoker.Tests.Cli.Commands;

/// <summary>What is told about a line that makes no sense, and what the help of each command says. No daemon.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TempFolder _home = new();
    private readonly TestConsole _console = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData("sessions", "stoker: Say what to do: sessions list, sessions show,")]
    [InlineData("bench", "stoker: Say what to do: bench model.")]
    [InlineData("run tiny --top-p x hi", "'x' for option '--top-p'.")]
    [InlineData("run tiny --seed -1 hi", "'-1' for option '--seed'.")]
    [InlineData("run tiny --no-repack --repack on hi", "say different things")]
    [InlineData("run tiny --session ../x hi", "Take up to 64 letters")]
    [InlineData("config get apiKeys", "did you mean 'api_keys'? `stoker config show`")]
    [InlineData("config get zzzzzzzz", "'zzzzzzzz'. `stoker config show`")]
    [InlineData("run  hi", "MODEL is empty.")]
    [InlineData("stop ", "MODEL is empty.")]
    [InlineData("sessions rm a ", "SESSION is empty.")]
    [InlineData("pause ", "JOB is empty.")]
    [InlineData("run tiny --temp nan hi", "--temp takes 0 to 5, not NaN.")]
    [InlineData("run tiny --temp 5.5 hi", "--temp takes 0 to 5, not 5.5.")]
    [InlineData("run tiny --top-p 0 hi", "--top-p takes more than 0 to 1, not 0.")]
    [InlineData("run tiny --top-k -1 hi", "--top-k takes 0 to 1000000, not -1.")]
    [InlineData("run tiny --ctx 2000000 hi", "--ctx takes 16 to 1048576, not 2000000.")]
    public async Task Nonsense_IsToldInWordsOfTheCommandLine(string line, string words)
    {
        Assert.Equal(2, await RunAsync(line.Split(' ')));

        Assert.Contains(words, _console.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", _console.Error, StringComparison.Ordinal);
        Assert.Equal("", _console.Out);
    }

    [Fact]
    public async Task Help_ExamplesParse_TheFirstIsOfItsCommand()
    {
        var root = CommandLine.Create(Context());
        foreach (var verbs in Commands(root, []).ToList())
        {
            var console = new TestConsole();
            Assert.Equal(0, await CommandLine.RunAsync(Context(console), [.. verbs, "--help"]));
            if (console.Out.Split("\nExamples:\n") is not [_, var text]) continue;
            var examples = text.Split("\n\n", 2)[0].Split('\n').Select(Words).ToList();
            Assert.All(examples, words => Assert.Empty(root.Parse(words).Errors));
            if (verbs.Length > 0) Assert.Equal(verbs[0], Named(root, examples[0][0]));
            if (verbs.Length > 1) Assert.Equal(verbs[1], examples[0][1]);
        }
    }

    // What stands behind the program's name, without comments and what the shell does.
    private static string[] Words(string example) =>
        example[(example.IndexOf("stoker ", StringComparison.Ordinal) + "stoker ".Length)..].Split('#', '|', '>', '<')[0].Replace("\"", "", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Named(Command root, string typed) => root.Subcommands.Single(command => command.Name == typed || command.Aliases.Contains(typed)).Name;

    private static IEnumerable<string[]> Commands(Command command, string[] verbs) =>
        command.Subcommands.Where(static each => !each.Hidden).SelectMany(each => Commands(each, [.. verbs, each.Name])).Prepend(verbs);

    private Task<int> RunAsync(string[] arguments) => CommandLine.RunAsync(Context(), arguments);

    private CliContext Context(TestConsole? console = null) => new()
    {
        Console = (console ?? _console).Console,
        Environment = new Dictionary<string, string> { ["STOKER_HOME"] = _home.Path },
        ProgramPath = "/no/such/program",
    };
}
