using Stoker.Native.Libc;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>From a prompt to an answer.</summary>
public sealed class RunScenarios(ScenarioHub hub)
{
    private static readonly string[] Endless = ["--chat-template", "chatml", "--seed", "7", "--ctx", "65536"];

    [Fact]
    public async Task Run_Missing_FetchesAndAnswers_NothingButTheAnswerOnStandardOutput()
    {
        await using var home = hub.NewHome();

        var first = (await home.StokerAsync("run", "qwen2.5:0.5b", "Hello", "--temp", "0", "-n", "16")).Expect(0);
        var second = (await home.StokerAsync("run", "qwen2.5:0.5b", "Hello", "--temp", "0", "-n", "16", "-v")).Expect(0);

        Assert.Equal(first.Out, second.Out);
        Assert.NotEqual("\n", first.Out);
        Assert.DoesNotContain('\e', first.Out + first.Error);
        Assert.Matches(@"first token .* \| prompt \d+ tokens? \| answer \d+ tokens?, [\d.]+ tokens/s \| seed \d+", second.Error);
    }

    [Fact]
    public async Task Run_SameSeed_SameAnswer_FromPromptOrStandardInput()
    {
        await using var home = hub.NewHome();
        string[] command = ["run", ScenarioHub.TrainedModel, "--seed", "42", "--temp", "1", "-n", "32"];

        var argument = (await home.StokerAsync([.. command, "Tell me a story."])).Expect(0);
        var input = (await home.StokerAsync(command, input: "Tell me a story.\n")).Expect(0);
        var both = (await home.StokerAsync([.. command, "Tell me", "-"], input: "a story.")).Expect(0);

        Assert.Equal(argument.Out, input.Out);
        Assert.Equal(argument.Out, both.Out);
    }

    [Fact]
    public async Task BenchModel_Trained_FiguresOfBothStates_NoneWithoutTheModel()
    {
        await using var home = hub.NewHome();

        var printed = (await home.StokerAsync("bench", "model", ScenarioHub.TrainedModel, "--fill", "300", "-n", "4")).Expect(0);
        var absent = await home.StokerAsync("bench", "model", "hf:nobody/nothing");

        Assert.Matches(@"tokens in the context +\d\d +3\d\d
", printed.Out);
        Assert.Matches(@"decode, tokens/s +[1-9][\d.]* +[1-9][\d.]*
", printed.Out);
        Assert.Matches(@"RssAnon, MiB +[1-9]\d* +[1-9]\d*
", printed.Out);
        Assert.Contains("stoker pull", absent.Error);
    }

    [Fact]
    public async Task Run_FromEveryOrigin_GivesTheSameText()
    {
        await using var home = hub.NewHome();
        string[] flags = ["--chat-template", "chatml", "--seed", "11", "--temp", "1", "-n", "64"];
        string[] origins = [hub.RandomModelPath, "hf:random/single", "hf:random/split", "ollama:random"];

        var answers = new List<string>();
        foreach (var origin in origins) answers.Add((await home.StokerAsync(["run", origin, "Hello there", .. flags])).Expect(0).Out);

        Assert.Single(answers.Distinct());
        Assert.True(answers[0].Length > 20);
    }

    [Fact]
    public async Task KillDaemonDuringAnAnswer_SameCommandAgainWorks_NoOrphan()
    {
        await using var home = hub.NewHome();
        await using var run = home.StartStoker(["run", hub.RandomModelPath, "Hello", .. Endless]);
        await AnswerBeginsAsync(run);

        await home.KillDaemonAsync();
        var cut = (await run.EndAsync(StokerHome.Patience)).Expect(9);

        Assert.Contains("The daemon went away", cut.Error, StringComparison.Ordinal);
        await home.EventuallyAsync(() => home.Processes().Count == 0, "a runner outlived its daemon");
        (await home.StokerAsync(["run", hub.RandomModelPath, "Hello", .. Endless, "-n", "8"])).Expect(0);
        (await home.StokerAsync("health")).Expect(0);
    }

    [Fact]
    public async Task KillRunnerDuringAnAnswer_OneClearError_NextRequestStartsItAnew()
    {
        await using var home = hub.NewHome();
        await using var run = home.StartStoker(["run", hub.RandomModelPath, "Hello", .. Endless]);
        await AnswerBeginsAsync(run);

        OwnProcess.Signal(home.Processes().Single(static process => process.Command.Contains(" runner ", StringComparison.Ordinal)).Pid, UnixSignal.Kill);
        var cut = (await run.EndAsync(StokerHome.Patience)).Expect(9);

        Assert.StartsWith("stoker: ", cut.Error.Split('\n').Last(static line => line.Contains("stoker: ", StringComparison.Ordinal)), StringComparison.Ordinal);
        (await home.StokerAsync(["run", hub.RandomModelPath, "Hello", .. Endless, "-n", "8"])).Expect(0);
    }

    [Fact]
    public async Task ControlCDuringAnAnswer_EndsItAndFreesTheModel()
    {
        await using var home = hub.NewHome();
        await using var run = home.StartStoker(["run", hub.RandomModelPath, "Hello", .. Endless]);
        await AnswerBeginsAsync(run);

        run.PressControlC();
        (await run.EndAsync(StokerHome.Patience)).Expect(130);

        await home.EventuallyAsync(() => home.StokerAsync("ps").GetAwaiter().GetResult().Out.Contains("idle", StringComparison.Ordinal), "the model still answers nobody");
        (await home.StokerAsync("stop", hub.RandomModelPath)).Expect(0);
        await home.EventuallyAsync(() => home.Processes().Count == 1, "the runner is still there");
        (await home.StokerAsync("stop", hub.RandomModelPath)).Expect(3);
    }

    [Theory]
    [InlineData(3, "run", "no-such-model-anywhere:1b", "Hello")]
    [InlineData(2, "run", "hf:../../etc", "Hello")]
    [InlineData(2, "run", "tiny", "--temp", "hot", "Hello")]
    [InlineData(2, "run", "tiny", "   ")]
    [InlineData(2, "rum", "tiny")]
    [InlineData(12, "run", "tiny", "Hello", "--grammar", "/no/such/file")]
    public async Task WrongInput_IsOneClearErrorWithItsCode(int code, params string[] arguments)
    {
        await using var home = hub.NewHome();

        var ended = (await home.StokerAsync(arguments)).Expect(code);

        Assert.Equal("", ended.Out);
        Assert.Contains("stoker: ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
    }

    private static Task AnswerBeginsAsync(RunningProgram run) => run.WaitForAsync(static text => text.Length > 0, inError: false, StokerHome.Patience);
}
