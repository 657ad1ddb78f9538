using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>The interactive chat at a real terminal (a pty, through script(1)).</summary>
public sealed class ChatScenarios(ScenarioHub hub)
{
    [Fact]
    public async Task Chat_AnswersRemembersAndLeaves()
    {
        await using var home = hub.NewHome();
        await using var chat = StartChat(home, $"run {ScenarioHub.TrainedModel} --temp 0 -n 24");

        await PromptAsync(chat, 1);
        chat.Write("/help\r");
        await chat.WaitForAsync(static text => text.Contains("/clear", StringComparison.Ordinal), inError: false, StokerHome.Patience);
        chat.Write("Hello\r");
        await PromptAsync(chat, 3);
        chat.Write("\"\"\"two\rlines\"\"\"\r");
        await PromptAsync(chat, 4);
        chat.Write("/nonsense\r");
        await chat.WaitForAsync(static text => text.Contains("There is no /nonsense", StringComparison.Ordinal), inError: false, StokerHome.Patience);
        chat.Write("/bye\r");

        (await chat.EndAsync(StokerHome.Patience)).Expect(0);
    }

    [Fact]
    public async Task ControlC_StopsTheAnswerNotTheProgram_TwiceLeaves()
    {
        await using var home = hub.NewHome();
        await using var chat = StartChat(home, $"run {hub.RandomModelPath} --chat-template chatml --ctx 65536 --seed 3");
        await PromptAsync(chat, 1);
        chat.Write("Hello\r");
        // What follows the last erased status line is the answer.
        await chat.WaitForAsync(static text => text.Contains("\e[2K", StringComparison.Ordinal) && text.Split("\e[2K")[^1].Length > 100, inError: false, StokerHome.Patience);

        chat.Write("\x03");
        await PromptAsync(chat, 2);
        chat.Write("\x03");
        await chat.WaitForAsync(static text => text.Contains("Ctrl-C again leaves", StringComparison.Ordinal), inError: false, StokerHome.Patience);
        chat.Write("\x03");

        (await chat.EndAsync(StokerHome.Patience)).Expect(0);
        (await home.StokerAsync("status", "--no-start")).Expect(0);
    }

    private static RunningProgram StartChat(StokerHome home, string arguments)
    {
        if (!File.Exists("/usr/bin/script")) Assert.Skip("script(1) is missing (Debian: bsdutils), so there is no terminal to chat at.");
        home.Environment["TERM"] = "xterm";
        // exec: else a shell stands between, which Ctrl-C reaches too and which then answers for the program.
        return home.Start("/usr/bin/script", ["-qefc", $"exec '{BuiltProgram.Path}' {arguments}", "/dev/null"]);
    }

    // A prompt is drawn anew with every key; "\r\n" between them tells one from the next.
    private static Task PromptAsync(RunningProgram chat, int number) =>
        chat.WaitForAsync(text => text.Split('\n').Count(static line => line.Contains(">>> ", StringComparison.Ordinal)) >= number, inError: false, StokerHome.Patience);
}
