using System.Text.Json;
using FakeHub;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>Fetching, and what can come between.</summary>
public sealed class PullScenarios(ScenarioHub hub)
{
    private const string Slow = "hf:random/single";

    [Fact]
    public async Task Pull_ThenListShowRemove()
    {
        await using var home = hub.NewHome();

        var pulled = (await home.StokerAsync("pull", "qwen2.5:0.5b", "ollama:qwen2.5:0.5b")).Expect(0);
        var list = (await home.StokerAsync("ls")).Expect(0);
        var show = (await home.StokerAsync("show", "qwen2.5:0.5b")).Expect(0);
        var removed = (await home.StokerAsync("rm", "qwen2.5:0.5b")).Expect(0);
        var after = (await home.StokerAsync("ls", "--json")).Expect(0);

        Assert.Contains("done in", pulled.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', pulled.Error);
        Assert.Contains("hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M", list.Out, StringComparison.Ordinal);
        Assert.Contains("ollama:qwen2.5:0.5b", list.Out, StringComparison.Ordinal);
        Assert.Contains("architecture", show.Out, StringComparison.Ordinal);
        Assert.Contains("sha256:", show.Out, StringComparison.Ordinal);
        Assert.Contains("shared with another model", removed.Out, StringComparison.Ordinal);
        using var models = JsonDocument.Parse(after.Out);
        Assert.DoesNotContain("hf:Qwen", models.RootElement.GetProperty("models").ToString(), StringComparison.Ordinal);
        // Shared content came once over the wire, and stays while one model uses it.
        (await home.StokerAsync("run", "ollama:qwen2.5:0.5b", "Hello", "-n", "4")).Expect(0);
    }

    [Fact]
    public async Task Run_AfterAFileOfTheModelWasLost_FetchesItAgain()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("pull", "qwen2.5:0.5b")).Expect(0);
        var blob = Assert.Single(Directory.GetFiles(home.Paths.Blobs, "*", SearchOption.AllDirectories));

        File.Delete(blob);
        (await home.StokerAsync("run", "qwen2.5:0.5b", "Hello", "-n", "4")).Expect(0);

        Assert.True(File.Exists(blob));
    }

    [Fact]
    public async Task Pull_UnknownModel_IsNotFound()
    {
        await using var home = hub.NewHome();

        var ended = (await home.StokerAsync("pull", "hf:nobody/nothing")).Expect(3);

        Assert.Contains("nobody/nothing", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_AnotherHostWhileOffline_IsRefused()
    {
        await using var home = hub.NewHome();

        var ended = (await home.StokerAsync("pull", "https://models.example/m.gguf")).Expect(5);

        Assert.Contains("STOKER_OFFLINE", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ControlC_LeavesTheDownloadRunning()
    {
        await using var home = hub.NewHome();
        var gate = new HubGate(afterBytes: 100_000);
        hub.Server.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        await using var pull = home.StartStoker("pull", Slow);
        await gate.Reached.WaitAsync(StokerHome.Patience);

        pull.PressControlC();
        var ended = (await pull.EndAsync(StokerHome.Patience)).Expect(130);
        var jobs = (await home.StokerAsync("jobs")).Expect(0);
        gate.Open();

        Assert.Contains("goes on in the background", ended.Error, StringComparison.Ordinal);
        Assert.Contains("running", jobs.Out, StringComparison.Ordinal);
        // The same command joins the job, or finds it done.
        (await home.StokerAsync("pull", Slow)).Expect(0);
        (await home.StokerAsync("show", Slow)).Expect(0);
    }

    [Fact]
    public async Task Cancel_EndsTheJob()
    {
        await using var home = hub.NewHome();
        var gate = new HubGate(afterBytes: 100_000);
        hub.Server.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        var started = (await home.StokerAsync("pull", "-d", Slow)).Expect(0);
        await gate.Reached.WaitAsync(StokerHome.Patience);
        var id = started.Out.Split(' ')[0];

        (await home.StokerAsync("cancel", id)).Expect(0);

        await home.EventuallyAsync(() => home.StokerAsync("jobs").GetAwaiter().GetResult().Out.Contains("cancelled", StringComparison.Ordinal), "the job goes on");
        gate.Open();
        (await home.StokerAsync("cancel", "no-such-job")).Expect(3);
    }

    [Fact]
    public async Task PauseAndResume_GoOnFromWhatIsHere()
    {
        await using var home = hub.NewHome();
        var gate = new HubGate(afterBytes: 100_000);
        hub.Server.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        await using var pull = home.StartStoker("pull", Slow, "--json");
        await gate.Reached.WaitAsync(StokerHome.Patience);
        using var jobs = JsonDocument.Parse((await home.StokerAsync("jobs", "--json")).Expect(0).Out);
        var id = jobs.RootElement.GetProperty("jobs")[0].GetProperty("id").GetString()!;

        (await home.StokerAsync("pause", id)).Expect(0);
        await home.EventuallyAsync(() => home.StokerAsync("jobs").GetAwaiter().GetResult().Out.Contains("paused", StringComparison.Ordinal), "the job was not paused");
        // What follows within a moment is told as one.
        await pull.WaitForAsync(static text => text.Contains("Paused", StringComparison.Ordinal), inError: false, StokerHome.Patience);
        (await home.StokerAsync("resume", id)).Expect(0);
        gate.Open();
        var lines = (await pull.EndAsync(StokerHome.Patience)).Expect(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonDocument.Parse(line).RootElement).ToList();

        Assert.Contains(lines, static line => line.GetProperty("state").GetString() == "Paused");
        Assert.Equal("Done", lines[^1].GetProperty("state").GetString());
        Assert.Contains(lines, static line => line.GetProperty("progress").EnumerateArray().Any(static report => report.TryGetProperty("totalBytes", out _)));
        (await home.StokerAsync("pause", "no-such-job")).Expect(3);
        (await home.StokerAsync("show", Slow)).Expect(0);
    }

    [Fact]
    public async Task PullAll_FetchesWhatChangedAndSaysWhatIsNew()
    {
        await using var home = hub.NewHome();
        var repo = Path.Combine(hub.Server.Content.Root, "hf/org/kept");
        Directory.CreateDirectory(repo);
        File.Copy(Path.Combine(BuiltProgram.Repository, "models/tiny/model.safetensors"), Path.Combine(repo, "model.safetensors"), overwrite: true);
        await File.WriteAllTextAsync(Path.Combine(repo, "config.json"), """{"model_type":"first"}""");
        await File.WriteAllTextAsync(Path.Combine(repo, "notes.txt"), "left out");
        (await home.StokerAsync("pull", "hf:org/kept", "--exclude", "*.txt")).Expect(0);
        (await home.StokerAsync("pull", "qwen2.5:0.5b")).Expect(0);
        Assert.Contains("first", (await home.StokerAsync("show", "org/kept")).Expect(0).Out, StringComparison.Ordinal);

        await File.WriteAllTextAsync(Path.Combine(repo, "config.json"), """{"model_type":"second"}""");
        var all = (await home.StokerAsync("pull", "--all")).Expect(0);
        var show = (await home.StokerAsync("show", "org/kept")).Expect(0);
        var run = (await home.StokerAsync("run", "org/kept", "Hello")).Expect(10);

        Assert.Contains("nothing new", all.Error, StringComparison.Ordinal);
        Assert.Contains("second", show.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("notes.txt", show.Out, StringComparison.Ordinal);
        Assert.Contains("GGUF", run.Error, StringComparison.Ordinal);
        (await home.StokerAsync("pull", "--all", "qwen2.5:0.5b")).Expect(2);
        (await home.StokerAsync("verify", "org/kept")).Expect(0);
        (await home.StokerAsync("rm", "org/kept")).Expect(0);
    }

    [Fact]
    public async Task DfAndGc_SayWhatIsKeptAndRemoveNothingThatIsNeeded()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("pull", "qwen2.5:0.5b", "ollama:qwen2.5:0.5b")).Expect(0);

        var usage = (await home.StokerAsync("df")).Expect(0);
        var would = (await home.StokerAsync("gc", "--dry-run")).Expect(0);
        (await home.StokerAsync("gc")).Expect(0);

        Assert.Contains("2 installed", usage.Out, StringComparison.Ordinal);
        Assert.Contains("saved by sharing", usage.Out, StringComparison.Ordinal);
        Assert.Contains("would free 0 B", would.Error, StringComparison.Ordinal);
        (await home.StokerAsync("verify", "--all")).Expect(0);
        using var json = JsonDocument.Parse((await home.StokerAsync("df", "--json")).Expect(0).Out);
        Assert.Equal(2, json.RootElement.GetProperty("models").GetInt32());
    }

    [Fact]
    public async Task Run_WhatOllamaHasOnThisMachine_NeedsNoNetwork()
    {
        await using var home = hub.NewHome();
        var store = Path.Combine(home.Folder, "ollama-models");
        var hex = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(ScenarioHub.TrainedModel)));
        Directory.CreateDirectory(Path.Combine(store, "blobs"));
        File.Copy(ScenarioHub.TrainedModel, Path.Combine(store, "blobs", "sha256-" + hex));
        var manifest = Path.Combine(store, "manifests/127.0.0.1:9/library/mine/latest");
        Directory.CreateDirectory(Path.GetDirectoryName(manifest)!);
        var size = new FileInfo(ScenarioHub.TrainedModel).Length;
        await File.WriteAllTextAsync(manifest, $$"""{"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{{hex}}","size":{{size}}}]}""");
        home.Environment["OLLAMA_MODELS"] = store;
        home.Environment["STOKER_OLLAMA_REGISTRY"] = "http://127.0.0.1:9";

        (await home.StokerAsync("run", "ollama:mine", "Hello", "-n", "4")).Expect(0);
        (await home.StokerAsync("stop", "--all")).Expect(0);
        (await home.StokerAsync("rm", "ollama:mine")).Expect(0);

        Assert.Equal(hex, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(store, "blobs", "sha256-" + hex)))));
    }

    [Fact]
    public async Task Fetch_WhatIsNoAddress_SaysSo()
    {
        await using var home = hub.NewHome();
        Assert.Contains("is not an address", (await home.StokerAsync("fetch", "--url", "model.gguf")).Expect(2).Error, StringComparison.Ordinal);
        Assert.Contains("is not an address", (await home.StokerAsync("fetch", "--url", "ftp://example.org/m.gguf")).Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KillDaemonDuringAPull_SameCommandAgainWorks()
    {
        await using var home = hub.NewHome();
        var gate = new HubGate(afterBytes: 300_000);
        hub.Server.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        await using var pull = home.StartStoker("pull", Slow);
        await gate.Reached.WaitAsync(StokerHome.Patience);

        await home.KillDaemonAsync();
        var cut = (await pull.EndAsync(StokerHome.Patience)).Expect(9);
        gate.Open();

        Assert.Contains("The daemon went away", cut.Error, StringComparison.Ordinal);
        (await home.StokerAsync("pull", Slow)).Expect(0);
        (await home.StokerAsync("health")).Expect(0);
        (await home.StokerAsync("run", Slow, "Hello", "--chat-template", "chatml", "-n", "8")).Expect(0);
        Assert.Empty(Directory.EnumerateFiles(home.Paths.Partial, "*", SearchOption.AllDirectories));
    }
}
