using System.Text.RegularExpressions;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>What README.md tells a new user to type works, under the names it uses.</summary>
public sealed partial class ReadmeScenario(ScenarioHub hub)
{
    [Fact]
    public async Task EveryLine_Works()
    {
        await using var home = hub.NewHome();
        var lines = Lines(File.ReadAllText(Path.Combine(BuiltProgram.Repository, "README.md")));

        Assert.True(lines.Count >= 10, "README.md has hardly any commands left.");
        foreach (var line in lines)
        {
            var ended = await home.ShellAsync(IsChat(line) ? $"{line} < /dev/null" : line);
            // A chat needs a terminal (ChatScenarios has one); without it the command asks for a prompt.
            if (ended.ExitCode != (IsChat(line) ? 2 : 0)) Assert.Fail($"`{line}` ended with {ended.ExitCode}.\n{ended.Out}\n{ended.Error}\n{home.Describe()}");
        }
    }

    /// <summary>Lines of the fenced <c>sh</c> blocks that call stoker.</summary>
    private static List<string> Lines(string markdown) =>
        [.. ShellBlock().Matches(markdown).SelectMany(static block => block.Groups[1].Value.Split('\n')).Select(static line => line.Trim()).Where(static line => line.StartsWith("stoker ", StringComparison.Ordinal))];

    private static bool IsChat(string line) => ChatLine().IsMatch(line);

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex ShellBlock();

    [GeneratedRegex(@"^stoker run \S+$")]
    private static partial Regex ChatLine();
}
