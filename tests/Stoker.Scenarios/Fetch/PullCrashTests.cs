using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>The daemon dies, or its disk fails, at each call that makes a manifest (E5 33, 34); the files before it are FetchCrashTests'.</summary>
public sealed class PullCrashTests(ScenarioHub hub)
{
    private const string Model = "qwen2.5:0.5b";

    [Theory]
    [InlineData("kill")]
    [InlineData("28")] // ENOSPC
    [InlineData("30")] // EROFS
    public async Task Manifest_InterferedWithAtEachStep_TheNextPullFinishesWithoutFetchingAgain(string how)
    {
        var tool = FaultCall.PathOrSkip();
        var steps = await StepsAsync(tool);
        Assert.Contains(steps, static step => step.StartsWith("rename", StringComparison.Ordinal));
        for (var step = 1; step <= steps.Count; step++)
        {
            // Another errno differs in nothing but its words: every second step will do.
            if (how == "30" && step % 2 == 0) continue;
            await InterfereAsync(tool, how, step, steps[step - 1]);
        }
    }

    private async Task<IReadOnlyList<string>> StepsAsync(string tool)
    {
        await using var home = hub.NewHome();
        await using var daemon = await StartAsync(home, tool, "count", 0);
        (await home.StokerAsync("pull", Model)).Expect(0);
        (await home.StokerAsync("serve", "--stop")).Expect(0);
        return [.. FetchLab.CallsAndPaths((await daemon.EndAsync(StokerHome.Patience)).Error).Select(static call => $"{call.Call} {Path.GetFileName(call.Path)}")];
    }

    private async Task InterfereAsync(string tool, string how, int step, string call)
    {
        await using var home = hub.NewHome();
        hub.Server.Stats.Clear();
        await using (var daemon = await StartAsync(home, tool, how, step))
        {
            var first = await home.StokerAsync("pull", Model);
            Assert.True(first.ExitCode != 0 || call.StartsWith("fsync", StringComparison.Ordinal), $"step {step}, {call}: it ended with 0\n{first.Error}");
            if (how != "kill")
            {
                Assert.Contains("manifest", first.Error, StringComparison.OrdinalIgnoreCase);
                (await home.StokerAsync("serve", "--stop")).Expect(0);
            }
            await daemon.EndAsync(StokerHome.Patience);
        }
        FetchLab.AssertBlobsAreSound(home.Folder);
        var once = hub.Server.Stats.ContentBytes;
        (await home.StokerAsync("ls")).Expect(0);
        (await home.StokerAsync("pull", Model)).Expect(0);
        Assert.True(once == hub.Server.Stats.ContentBytes, $"step {step}, {call}: verified bytes were fetched again");
        (await home.StokerAsync("verify", Model)).Expect(0);
        Assert.Contains("hf:Qwen", (await home.StokerAsync("ls")).Expect(0).Out, StringComparison.Ordinal);
        var health = (await home.StokerAsync("health")).Out;
        Assert.DoesNotContain("not a manifest", health, StringComparison.Ordinal);
    }

    private static async Task<RunningProgram> StartAsync(StokerHome home, string tool, string how, int step)
    {
        var daemon = home.Start(tool, [Path.Combine(home.Folder, "manifests"), how, step.ToString(), BuiltProgram.Path, "serve"]);
        await home.EventuallyAsync(() => home.DaemonPid() is not null && File.Exists(home.Paths.Socket), "no daemon");
        return daemon;
    }
}
