using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stoker.Native.Libc;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>Conversations that go on, whatever ends in between, and that nobody else sees.</summary>
public sealed partial class ConversationScenarios(ScenarioHub hub)
{
    private string[] Talk(string message, params string[] more) =>
        ["run", hub.RandomModelPath, message, "--session", "talk", "--chat-template", "chatml", "--seed", "7", "--ctx", "16384", "-v", .. more];

    [Theory]
    [InlineData("runner")]
    [InlineData("daemon")]
    public async Task KilledInTheMiddleOfAnAnswer_TheSessionGoesOn(string victim)
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync(Talk("The first message of a conversation that is worth keeping.", "-n", "60"))).Expect(0);
        await using var run = home.StartStoker(Talk("And now a long answer, please."));
        await run.WaitForAsync(static text => text.Length > 2000, inError: false, StokerHome.Patience);
        await SavedAsync(home, "talk", cells: 300);

        if (victim == "daemon") await home.KillDaemonAsync();
        else OwnProcess.Signal(home.Processes().Single(static process => process.Command.Contains(" runner ", StringComparison.Ordinal)).Pid, UnixSignal.Kill);
        (await run.EndAsync(StokerHome.Patience)).Expect(9);

        var again = (await home.StokerAsync(Talk("Are you still there?", "-n", "8"))).Expect(0);
        // The first turn, and of the answer that was cut what its last snapshot has.
        Assert.True(Kept(again) > 300, again.Error);
        (await home.StokerAsync("health")).Expect(0);
    }

    [Fact]
    public async Task KilledInTheMiddleOfAnAnswer_ContinueSaysWhatItWouldHaveSaid()
    {
        await using var home = hub.NewHome();
        string[] Ask(string session, params string[] more) => ["run", hub.RandomModelPath, "--session", session, "--threads", "1", "--ctx", "16384", .. more];
        string[] asked = ["A long answer, please.", "--chat-template", "chatml", "--seed", "7"];
        await using var run = home.StartStoker(Ask("cut", asked));
        await run.WaitForAsync(static text => text.Length > 2000, inError: false, StokerHome.Patience);
        await SavedAsync(home, "cut", cells: 300);
        OwnProcess.Signal(home.RunnerPid(), UnixSignal.Kill);
        var killed = await run.EndAsync(StokerHome.Patience);
        Assert.Contains("--continue", killed.Expect(9).Error, StringComparison.Ordinal);
        Assert.Contains("--session cut --continue", (await home.StokerAsync("sessions", "show", "cut")).Expect(0).Out, StringComparison.Ordinal);

        var before = await AnswerOfAsync(home, "cut");
        var rest = (await home.StokerAsync(Ask("cut", "--continue", "-n", "300"))).Expect(0);
        var after = await AnswerOfAsync(home, "cut");
        Assert.Equal(before + rest.Out.TrimEnd('\n'), after.TrimEnd('\n'));
        Assert.True(after.Length > before.Length);
        // As long as that, in one piece.
        (await home.StokerAsync(Ask("whole", [.. asked, "-n", $"{Cells(home, "cut")}"]))).Expect(0);
        Assert.StartsWith(after, await AnswerOfAsync(home, "whole"), StringComparison.Ordinal);
        (await home.StokerAsync(Ask("cut", "--continue", "And more?"))).Expect(2);
        (await home.StokerAsync(Ask("none", "--continue"))).Expect(3);
    }

    [Fact]
    public async Task StopNow_EndsTheAnswer_AndContinueGoesOnWithIt()
    {
        await using var home = hub.NewHome();
        string[] ask = ["run", hub.RandomModelPath, "--session", "talk", "--ctx", "65536"]; // it is not over before two programs have started
        await using var run = home.StartStoker([.. ask, "A long answer, please.", "--chat-template", "chatml", "--seed", "7"]);
        await run.WaitForAsync(static text => text.Length > 2000, inError: false, StokerHome.Patience);
        await using var stop = home.StartStoker("stop", hub.RandomModelPath);
        await stop.WaitForAsync(static text => text.Contains("waiting for 1 answer of", StringComparison.Ordinal) && text.Contains("--now", StringComparison.Ordinal), inError: true, StokerHome.Patience);
        Assert.Contains("1 answer ended", (await home.StokerAsync("stop", hub.RandomModelPath, "--now")).Expect(0).Error, StringComparison.Ordinal);
        var ended = (await run.EndAsync(StokerHome.Patience)).Expect(130);
        Assert.Contains("stop --now", ended.Error, StringComparison.Ordinal);
        Assert.Contains("--continue", ended.Error, StringComparison.Ordinal);
        await stop.EndAsync(StokerHome.Patience); // it was unloaded for this one too, or before it came to it

        var before = await AnswerOfAsync(home, "talk");
        Assert.StartsWith(before[..1000], ended.Out, StringComparison.Ordinal);
        var rest = (await home.StokerAsync([.. ask, "--continue", "-n", "40"])).Expect(0);
        Assert.Equal(before + rest.Out.TrimEnd('\n'), (await AnswerOfAsync(home, "talk")).TrimEnd('\n'));
    }

    // A snapshot is written beside the answer: a kill may come before the first.
    private static Task SavedAsync(StokerHome home, string session, int cells) => home.EventuallyAsync(() => Cells(home, session) > cells, "no snapshot was written");

    private static int Cells(StokerHome home, string session) =>
        new Engine.Sessions.SessionStore(new Engine.Sessions.SessionStoreOptions { Root = home.Paths.Sessions }, TimeProvider.System).Find(session)?.Cells ?? 0;

    private static async Task<string> AnswerOfAsync(StokerHome home, string session)
    {
        var messages = JsonDocument.Parse((await home.StokerAsync("sessions", "show", session, "--json")).Expect(0).Out).RootElement.GetProperty("messages");
        Assert.Equal(2, messages.GetArrayLength());
        return messages[1].GetProperty("content").GetString()!;
    }

    [Fact]
    public async Task UnloadedAndLoadedAgain_TheSessionGoesOn()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync(Talk("The first message of a conversation that is worth keeping.", "-n", "60"))).Expect(0);
        (await home.StokerAsync("stop", "--all")).Expect(0);
        var second = (await home.StokerAsync(Talk("The second.", "-n", "60"))).Expect(0);
        Assert.InRange(Kept(second), 60, 200);
        (await home.StokerAsync("serve", "--stop")).Expect(0);
        Assert.True(Kept((await home.StokerAsync(Talk("The third.", "-n", "8"))).Expect(0)) > Kept(second));
    }

    [Theory]
    [InlineData("process", 0)]
    [InlineData("fsync", 1)]
    public async Task Durability_AsAskedOnTheCommandLine_IsWhatTheSnapshotSays(string durability, int synced)
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("run", "tiny", "--session", "other", "What is a blob?")).Expect(0);
        (await home.StokerAsync("run", "tiny", "--session", "talk", "What is a blob?", "--durability", durability)).Expect(0);
        (await home.StokerAsync("run", "tiny", "What is a blob?", "--durability", "always")).Expect(2);
        (await home.StokerAsync("stop", "--all")).Expect(0);
        var talk = JsonDocument.Parse((await home.StokerAsync("sessions", "show", "talk", "--json")).Expect(0).Out).RootElement.GetProperty("summary");
        var head = Encoding.UTF8.GetString(await File.ReadAllBytesAsync(Path.Combine(home.Paths.Sessions, talk.GetProperty("id").GetString()!, "snapshot"), TestContext.Current.CancellationToken));
        Assert.Contains($"\"syncedCells\":{talk.GetProperty("cells").GetInt32() * synced},", head);
    }

    [Fact]
    public async Task OtherParallel_CellsInMemory_TheSessionGoesOn()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync(Talk("The first message of a conversation that is worth keeping.", "-n", "60", "--kv", "ram", "--parallel", "1"))).Expect(0);
        var second = (await home.StokerAsync(Talk("The second.", "-n", "60", "--kv", "ram", "--parallel", "3"))).Expect(0);
        Assert.True(Kept(second) > 60, second.Error);
        var third = (await home.StokerAsync(Talk("The third.", "-n", "8", "--kv", "ram", "--parallel", "2"))).Expect(0);
        Assert.True(Kept(third) > Kept(second), third.Error);
    }

    [Fact]
    public async Task ChatOverAPipe_SaysWhatWasSaid()
    {
        await using var home = hub.NewHome();
        var loaded = (await home.StokerAsync("run", hub.RandomModelPath, "--session", "piped", "--headless")).Expect(0);
        Assert.Matches(@"served at http\S+/v1 until nobody has asked for [45]m\d\ds \(--keep-alive -1: for ever\)\.", loaded.Error);
        Assert.Contains($"stoker chat {hub.RandomModelPath} --session piped", loaded.Error, StringComparison.Ordinal);
        var chat = (await home.StokerAsync(
            ["chat", hub.RandomModelPath, "--session", "piped", "--no-start", "--chat-template", "chatml", "-n", "24", "-v"], input: "One message.\nAnother message.\n")).Expect(0);
        Assert.Equal(2, PromptLine().Count(chat.Error));
        Assert.True(Kept(chat) > 30, chat.Error);
    }

    [Fact]
    public async Task TwoKeys_NeverShare_FourAtOnceAreAnswered()
    {
        await using var home = hub.NewHome();
        home.Environment["STOKER_API_KEY"] = "first-key-0000,second-key-0000";
        (await home.StokerAsync("run", "tiny", "--headless")).Expect(0);
        var url = JsonDocument.Parse((await home.StokerAsync("status", "--json")).Expect(0).Out).RootElement.GetProperty("urls")[0].GetString()!;
        using var first = Client(url, "first-key-0000");
        using var second = Client(url, "second-key-0000");
        const string secret = "My secret word is marmalade, and nobody else may ever come to know it, whoever asks and however often. What does stoker pull do?";

        Assert.Equal(0, await CachedAsync(first, secret));
        Assert.True(await CachedAsync(first, secret) > 30);
        Assert.Equal(0, await CachedAsync(second, secret + " Second.", "same"));
        Assert.True(await CachedAsync(first, secret + " First.", "same") > 30); // a new session begins with what its own key has said
        Assert.True(await CachedAsync(second, secret) > 30);
        var texts = new[] { TextOfSession(home, 0), TextOfSession(home, 1) };
        Assert.Single(texts, static text => text.Contains(" First.", StringComparison.Ordinal));
        Assert.Single(texts, static text => text.Contains(" Second.", StringComparison.Ordinal));

        var clients = Enumerable.Range(0, 8).Select(i => AnswerAsync(i % 2 == 0 ? first : second, $"What is a digest? ({i})", null)).ToArray();
        Assert.All(await Task.WhenAll(clients), static answer => Assert.False(string.IsNullOrWhiteSpace(answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString())));
    }

    [Theory]
    [InlineData("runner")]
    [InlineData("daemon")]
    public async Task WithoutAName_KilledAfterAnAnswer_TheSamePromptIsNotComputedAgain_ForItsKeyAlone(string victim)
    {
        await using var home = hub.NewHome();
        home.Environment["STOKER_API_KEY"] = "first-key-0000,second-key-0000";
        const string asked = "The prompt cache keeps what this message begins with, also when everything ends in between, and it is long enough for that to be worth it, whoever counts its words or its tokens. What does stoker pull do?";
        string before;
        using (var first = Client(await UrlAsync(home), "first-key-0000"))
        {
            await AnswerAsync(first, asked, null);
            before = Text(await AnswerAsync(first, asked, null));
        }
        // Saved beside the answers: known from the list that shows it.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (!(await home.StokerAsync("sessions", "list", "--all", "--json")).Expect(0).Out.Contains("\"cells\":", StringComparison.Ordinal)) await Task.Delay(20, patience.Token);
        Assert.DoesNotContain("\"cells\":", (await home.StokerAsync("sessions", "list", "--json")).Expect(0).Out, StringComparison.Ordinal);

        if (victim == "daemon") await home.KillDaemonAsync();
        else OwnProcess.Signal(home.Processes().Single(static process => process.Command.Contains(" runner ", StringComparison.Ordinal)).Pid, UnixSignal.Kill);
        var url = await UrlAsync(home);
        using var again = Client(url, "first-key-0000");
        using var other = Client(url, "second-key-0000");
        Assert.Equal(0, await CachedAsync(other, asked));
        var after = await AnswerAsync(again, asked, null);
        Assert.True(after.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32() > 30);
        Assert.Equal(before, Text(after));
        var used = JsonDocument.Parse((await home.StokerAsync("df", "--json")).Expect(0).Out).RootElement;
        Assert.True(used.GetProperty("promptCacheBytes").GetInt64() > 0);
        Assert.DoesNotContain("first-key", string.Concat(Directory.EnumerateFiles(Path.Combine(home.Folder, "sessions"), "label.json", SearchOption.AllDirectories).Select(File.ReadAllText)), StringComparison.Ordinal);
    }

    private static async Task<string> UrlAsync(StokerHome home)
    {
        (await home.StokerAsync("run", "tiny", "--headless")).Expect(0);
        return JsonDocument.Parse((await home.StokerAsync("status", "--json")).Expect(0).Out).RootElement.GetProperty("urls")[0].GetString()!;
    }

    private static string Text(JsonElement answer) => answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private static string TextOfSession(StokerHome home, int index)
    {
        var store = new Engine.Sessions.SessionStore(new Engine.Sessions.SessionStoreOptions { Root = Path.Combine(home.Folder, "sessions") }, TimeProvider.System);
        var sessions = store.List().Where(static session => session.Name == "same").OrderBy(static session => session.CreatedAt).ToArray();
        Assert.Equal(2, sessions.Length);
        return store.Read(sessions[index].Id).Messages[0].Content;
    }

    private static HttpClient Client(string url, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private static async Task<int> CachedAsync(HttpClient client, string message, string? session = null) =>
        (await AnswerAsync(client, message, session)).GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32();

    private static async Task<JsonElement> AnswerAsync(HttpClient client, string message, string? session)
    {
        var body = new Dictionary<string, object>
        {
            ["model"] = "tiny",
            ["messages"] = new[] { new Dictionary<string, string> { ["role"] = "user", ["content"] = message } },
            ["temperature"] = 0,
            ["max_tokens"] = 12,
        };
        if (session is not null) body["session"] = session;
        using var content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), content, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static int Kept(Finished ended) => KeptTokens().Matches(ended.Error) is [.., var last] ? int.Parse(last.Groups[1].Value) : 0;

    [GeneratedRegex(@"(\d+) tokens? kept")]
    private static partial Regex KeptTokens();

    [GeneratedRegex(@"prompt \d+ tokens")]
    private static partial Regex PromptLine();
}
