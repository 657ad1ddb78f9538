using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>The daemon dies, or its disk fails, at each call that makes a manifest (E5 33, 34); the files before it are FetchCrashTests'.</summary>
public sealed class PullCrashTests(ScenarioHub hub)
{
    private const string Model = "qwen2.5:0.5b";

    [Theory]
    [InlineData("kill")]
    [InlineData("28")] // ENOSPC
    public async Task Manifest_InterferedWithAtEachStep_TheNextPullFinishesWithoutFetchingAgain(string how)
    {
        var tool = FaultCall.PathOrSkip();
        var steps = await StepsAsync(tool);
        Assert.Contains(steps, static step => step.Call.StartsWith("rename", StringComparison.Ordinal));
        // A disk that is full fails each kind of call in one way; a kill leaves something else after each.
        if (how != "kill") steps = [.. steps.DistinctBy(static step => step.Call)];
        foreach (var step in steps) await InterfereAsync(tool, how, step);
    }

    private async Task<IReadOnlyList<(int Number, string Call)>> StepsAsync(string tool)
    {
        await using var home = hub.NewHome();
        await using var daemon = await StartAsync(home, tool, "count", 0);
        (await home.StokerAsync("pull", Model)).Expect(0);
        (await home.StokerAsync("serve", "--stop")).Expect(0);
        return [.. FetchLab.CallsAndPaths((await daemon.EndAsync(StokerHome.Patience)).Error).Select(static (call, at) => (at + 1, call.Call))];
    }

    private async Task InterfereAsync(string tool, string how, (int Number, string Call) step)
    {
        await using var home = hub.NewHome();
        hub.Server.Stats.Clear();
        await using (var daemon = await StartAsync(home, tool, how, step.Number))
        {
            var first = await home.StokerAsync("pull", Model);
            Assert.True(first.ExitCode != 0, $"step {step}: it ended with 0\n{first.Error}");
            if (how != "kill")
            {
                Assert.Contains("manifest", first.Error, StringComparison.OrdinalIgnoreCase);
                (await home.StokerAsync("serve", "--stop")).Expect(0);
            }
            await daemon.EndAsync(StokerHome.Patience);
        }
        FetchLab.AssertBlobsAreSound(home.Folder);
        var once = hub.Server.Stats.ContentBytes;
        (await home.StokerAsync("pull", Model)).Expect(0);
        Assert.True(once == hub.Server.Stats.ContentBytes, $"step {step}: verified bytes were fetched again");
        Assert.Contains("hf:Qwen", (await home.StokerAsync("ls")).Expect(0).Out, StringComparison.Ordinal);
        (await home.StokerAsync("verify", Model)).Expect(0);
    }

    private static async Task<RunningProgram> StartAsync(StokerHome home, string tool, string how, int step)
    {
        var daemon = home.Start(tool, [Path.Combine(home.Folder, "manifests"), how, step.ToString(), BuiltProgram.Path, "serve"]);
        await home.EventuallyAsync(() => home.DaemonPid() is not null && File.Exists(home.Paths.Socket), "no daemon");
        return daemon;
    }
}
