using System.Text.Json;
using System.Text.RegularExpressions;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Sessions;

/// <summary>The disk under a conversation fills up or fails in the middle of an answer: whole programs, real file systems.</summary>
public sealed partial class BrokenDiskScenarios(ScenarioHub hub)
{
    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DiskFullInTheMiddleOfAnAnswer_IsATypedErrorAndTheSessionGoesOnLater()
    {
        await using var home = hub.NewHome();
        // 3 KiB of cells a token: a thousand tokens and a little more.
        using var disk = SmallDisk.MountOrSkip(home.Paths.Sessions, 4);
        (await home.StokerAsync(Talk("full", "The first message of a conversation that is worth keeping.", 40))).Expect(0);
        (await home.StokerAsync(Talk("other", "Another conversation.", 8))).Expect(0);
        var (daemon, runner) = (home.DaemonPid(), home.RunnerPid());

        using var http = home.Client();
        using (var answer = await ChatStream.BeginAsync(http, Body("full", "And now an answer without an end."), Ended))
        {
            await answer.ReadToEndAsync(Ended);
            AssertFull(answer.Error?.GetProperty("kind").GetString(), answer.Error?.GetProperty("message").GetString());
            Assert.False(answer.IsDone);
            Assert.InRange(answer.Pieces, 300, 2000);
        }

        // What the answer had taken beyond the last snapshot is free again: others go on.
        (await home.StokerAsync(Talk("other", "Are you still there?", 8))).Expect(0);
        Assert.Equal((daemon, runner), (home.DaemonPid(), home.RunnerPid()));

        // The same on the command line, and for who does not stream.
        AssertFull("OutOfSpace", (await home.StokerAsync(Talk("full", "An answer without an end.", 15_000))).Expect(6).Error);
        using (var refusal = await http.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), JsonContent(Body("full", "An answer without an end.")), Ended))
        {
            Assert.Equal(507, (int)refusal.StatusCode);
            var error = JsonDocument.Parse(await refusal.Content.ReadAsStringAsync(Ended)).RootElement.GetProperty("error");
            AssertFull(error.GetProperty("kind").GetString(), error.GetProperty("message").GetString());
        }
        Assert.Equal((daemon, runner), (home.DaemonPid(), home.RunnerPid()));

        var cells = await CellsAsync(home, "full");
        Assert.True(cells > 300, $"only {cells} tokens are kept");
        disk.Grow(64);
        var again = (await home.StokerAsync(Talk("full", "Is there room now?", 300))).Expect(0);
        Assert.True(Kept(again) >= cells - 1, $"{cells} tokens were kept\n{again.Error}");
        Assert.True(await CellsAsync(home, "full") > cells + 300);
        await AssertSoundAsync(home);
    }

    [Fact]
    public async Task SessionsQuotaReachedInTheMiddleOfAnAnswer_NamesWhatIsNeededAndRemovesNoNamedOne()
    {
        await using var home = hub.NewHome();
        home.Environment["STOKER_SESSIONS_QUOTA"] = "2MiB";
        (await home.StokerAsync(Talk("old", "A conversation that is worth keeping.", 40))).Expect(0);
        var refusal = (await home.StokerAsync(Talk("new", "An answer without an end.", 15_000))).Expect(6).Error;
        Assert.Matches(@"Sessions take [\d,]+ bytes and [\d,]+ more are needed, but sessions\.quota is 2,097,152", refusal);
        Assert.True(await CellsAsync(home, "old") > 40);
        Assert.True(await CellsAsync(home, "new") > 10);
        Assert.Contains("of sessions.quota, which is 2.10 MB", (await home.StokerAsync("sessions", "ls")).Expect(0).Error);
        (await home.StokerAsync("sessions", "rm", "new")).Expect(0);
        (await home.StokerAsync(Talk("old", "Is there room now?", 100))).Expect(0);
        await AssertSoundAsync(home);
    }

    [Fact]
    public async Task FileTakenAwayUnderARunner_EndsThatRunnerAloneAndItsRequestsAreTold()
    {
        await using var home = hub.NewHome();
        // Of one beginning they would share a file.
        foreach (var name in new[] { "broken", "beside" }) (await home.StokerAsync(Talk(name, $"{name}: the first message of a conversation that is worth keeping.", 300))).Expect(0);
        var (daemon, runner) = (home.DaemonPid(), home.RunnerPid());
        var cells = await CellsAsync(home, "beside");

        using var http = home.Client();
        using var broken = await ChatStream.BeginAsync(http, Body("broken", "An answer without an end."), Ended);
        using var beside = await ChatStream.BeginAsync(http, Body("beside", "An answer without an end."), Ended);
        await Task.WhenAll(broken.ReadAsync(20, Ended), beside.ReadAsync(20, Ended));
        // What a failing disk or a lost server does to a mapping: its pages are not there any more.
        using (var file = File.OpenHandle(await CellsFileAsync(home, "broken"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) RandomAccess.SetLength(file, 0);
        await Task.WhenAll(broken.ReadToEndAsync(Ended), beside.ReadToEndAsync(Ended));
        foreach (var answer in new[] { broken, beside })
        {
            Assert.Equal("Unavailable", answer.Error?.GetProperty("kind").GetString());
            Assert.Contains("ended", answer.Error?.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.False(answer.IsDone);
        }

        // The next request has a new runner. What was not broken goes on where it was; the other begins again from its text.
        var again = (await home.StokerAsync(Talk("beside", "Are you still there?", 8))).Expect(0);
        Assert.True(Kept(again) >= cells - 1, again.Error);
        var recovered = (await home.StokerAsync(Talk("broken", "And you?", 8))).Expect(0);
        Assert.Equal(0, Kept(recovered));
        Assert.True(await CellsAsync(home, "broken") > 300, "the text of the broken session is gone");
        Assert.Equal(daemon, home.DaemonPid());
        Assert.NotEqual(runner, home.RunnerPid());
        await AssertSoundAsync(home);
    }

    private string[] Talk(string session, string message, int tokens) =>
        ["run", hub.RandomModelPath, message, "--session", session, "--chat-template", "chatml", "--temp", "0", "--ctx", "16384", "-n", $"{tokens}", "-v"];

    private Dictionary<string, object> Body(string session, string message) => new()
    {
        ["model"] = hub.RandomModelPath,
        ["messages"] = new[] { new Dictionary<string, string> { ["role"] = "user", ["content"] = message } },
        ["session"] = session,
        ["append"] = true,
        ["chat_template"] = "chatml",
        ["max_tokens"] = 15_000,
        ["temperature"] = 0,
        ["stoker"] = new Dictionary<string, object> { ["ignore_eos"] = true },
    };

    private static System.Net.Http.Json.JsonContent JsonContent(Dictionary<string, object> body) => System.Net.Http.Json.JsonContent.Create(body);

    private static void AssertFull(string? kind, string? message)
    {
        Assert.Equal("OutOfSpace", kind);
        Assert.Contains("full", message, StringComparison.OrdinalIgnoreCase);
    }

    private static async Task AssertSoundAsync(StokerHome home)
    {
        (await home.StokerAsync("stop", "--all")).Expect(0);
        (await home.StokerAsync("sessions", "verify")).Expect(0);
        (await home.StokerAsync("health")).Expect(0);
    }

    private static async Task<int> CellsAsync(StokerHome home, string name) => (await ShowAsync(home, name)).GetProperty("cells").GetInt32();

    private static async Task<string> CellsFileAsync(StokerHome home, string name) =>
        Directory.GetFiles(Path.Combine(home.Paths.Sessions, (await ShowAsync(home, name)).GetProperty("id").GetString()!), "kv-*").Single();

    private static async Task<JsonElement> ShowAsync(StokerHome home, string name) =>
        JsonDocument.Parse((await home.StokerAsync("sessions", "ls", "--json")).Expect(0).Out).RootElement.GetProperty("sessions").EnumerateArray()
            .Single(session => session.GetProperty("name").GetString() == name);

    private static int Kept(Finished ended) => KeptTokens().Matches(ended.Error) is [.., var last] ? int.Parse(last.Groups[1].Value) : 0;

    [GeneratedRegex(@"(\d+) tokens? kept")]
    private static partial Regex KeptTokens();
}
