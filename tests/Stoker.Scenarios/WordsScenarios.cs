using System.Text.Json;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>Commands that need no model: settings, help, completion, version.</summary>
public sealed class WordsScenarios(ScenarioHub hub)
{
    [Fact]
    public async Task Config_SetGetShowUnset()
    {
        await using var home = hub.NewHome();
        home.Environment.Remove("STOKER_PORT");

        (await home.StokerAsync("config", "set", "port", "6060")).Expect(0);
        (await home.StokerAsync("config", "set", "sources", "ollama", "huggingface")).Expect(0);
        (await home.StokerAsync("config", "set", "api_keys", "a-long-secret")).Expect(0);
        var get = (await home.StokerAsync("config", "get", "port")).Expect(0);
        var show = (await home.StokerAsync("config", "show")).Expect(0);
        var json = (await home.StokerAsync("config", "show", "--json")).Expect(0);
        (await home.StokerAsync("config", "unset", "port")).Expect(0);
        var after = (await home.StokerAsync("config", "get", "port")).Expect(0);
        var wrong = (await home.StokerAsync("config", "set", "prot", "1")).Expect(2);
        var range = (await home.StokerAsync("config", "set", "port", "70000")).Expect(2);
        var path = (await home.StokerAsync("config", "path")).Expect(0);

        Assert.Equal("6060\n", get.Out);
        Assert.Matches(@"port\s+6060\s+config\.json", show.Out);
        Assert.DoesNotContain("a-long-secret", show.Out + json.Out, StringComparison.Ordinal);
        using (JsonDocument.Parse(json.Out)) { }
        Assert.Equal("5050\n", after.Out);
        Assert.Contains("did you mean 'port'", wrong.Error, StringComparison.Ordinal);
        Assert.Contains("between 0 and 65535", range.Error, StringComparison.Ordinal);
        Assert.Equal(home.Paths.ConfigFile + "\n", path.Out);
        Assert.Empty(home.Processes());
    }

    [Fact]
    public async Task Help_EveryVerbHasExamples()
    {
        await using var home = hub.NewHome();
        foreach (var verb in new[] { "run", "pull", "ls", "show", "rm", "ps", "stop", "jobs", "cancel", "serve", "status", "health", "logs", "config", "completion" })
        {
            var help = (await home.StokerAsync(verb, "--help")).Expect(0);
            Assert.Contains("Examples:", help.Out, StringComparison.Ordinal);
        }
        var all = (await home.StokerAsync()).Expect(0);
        Assert.Contains("Exit codes:", all.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("\n  runner", all.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_BothWays()
    {
        await using var home = hub.NewHome();

        var verb = (await home.StokerAsync("version")).Expect(0);
        var flag = (await home.StokerAsync("--version")).Expect(0);

        Assert.Equal(verb.Out, flag.Out);
        Assert.StartsWith("stoker 0.", verb.Out, StringComparison.Ordinal);
        Assert.Empty(home.Processes());
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("version")]
    [InlineData("completion bash")]
    [InlineData("config show")]
    public async Task Output_OntoAFullDisk_IsAnErrorNotACrash(string line)
    {
        await using var home = hub.NewHome();

        var ended = (await home.ShellAsync($"stoker {line} >/dev/full")).Expect(12);

        Assert.Contains("standard output: No space left on device", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stop nope", 3)]
    [InlineData("ps", 0)]
    [InlineData("run tiny", 2)]
    public async Task Words_ThatCannotBeWritten_ChangeNothing(string line, int exitCode)
    {
        await using var home = hub.NewHome();
        (await home.ShellAsync($"stoker {line} 2>/dev/full </dev/null")).Expect(exitCode);
    }

    [Fact]
    public async Task Completion_BashOffersVerbsAndInstalledModels()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("pull", "qwen2.5:0.5b")).Expect(0);
        var folder = Directory.CreateDirectory(Path.Combine(home.Folder, "bin")).FullName;
        File.CreateSymbolicLink(Path.Combine(folder, "stoker"), BuiltProgram.Path);
        var script = $$"""
            PATH={{folder}}:$PATH
            eval "$(command stoker completion bash)"
            try() { COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDS=($1); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _stoker; printf '%s\n' "${COMPREPLY[@]}"; }
            try "stoker pu"
            try "stoker show qwen2.5:"
            """;

        var ended = (await home.ShellAsync(script)).Expect(0);

        Assert.Equal("pull\n0.5b\n", ended.Out);
        (await home.ShellAsync("stoker completion zsh; stoker completion fish")).Expect(0);
    }

    [Fact]
    public async Task Logs_Follow_ShowWhatComes_UntilControlC()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("ls")).Expect(0);
        await using var logs = home.StartStoker("logs", "-f");
        await logs.WaitForAsync(static text => text.Contains("Started version", StringComparison.Ordinal), inError: false, StokerHome.Patience);

        await home.StokerAsync("pull", "hf:nobody/nothing");
        await logs.WaitForAsync(static text => text.Contains("nobody/nothing", StringComparison.Ordinal), inError: false, StokerHome.Patience);
        logs.PressControlC();

        await logs.EndAsync(StokerHome.Patience);
        (await home.StokerAsync("status")).Expect(0);
    }

    [Fact]
    public async Task WithoutADaemon_StatusSaysSo_ListingsAreEmpty()
    {
        await using var home = hub.NewHome();

        (await home.StokerAsync("status")).Expect(9);
        (await home.StokerAsync("ps")).Expect(0);
        // It is in the list, but has no sums to be verified with.
        Assert.Contains("what ships with Stoker", (await home.StokerAsync("verify", "tiny")).Expect(3).Error, StringComparison.Ordinal);
        (await home.StokerAsync("jobs")).Expect(0);
        var ps = (await home.StokerAsync("ps", "--json")).Expect(0);
        (await home.StokerAsync("stop", "--all")).Expect(0);
        (await home.StokerAsync("logs")).Expect(0);

        Assert.Equal("""{"models":[]}""", string.Concat(ps.Out.Where(static letter => !char.IsWhiteSpace(letter))));
        Assert.Empty(home.Processes());
    }
}
