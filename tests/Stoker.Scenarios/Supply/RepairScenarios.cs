using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Supply;

/// <summary><c>stoker repair</c> when the place that a model came from has it no more.</summary>
public sealed class RepairScenarios(ScenarioHub hub)
{
    private const string Model = "hf:random/single:Q4_0";

    [Fact]
    public async Task Repair_FromFilesMirrorsAndOllamasFolder()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("pull", Model)).Expect(0);
        var blob = Assert.Single(Directory.GetFiles(Path.Combine(home.Folder, "blobs"), "*", SearchOption.AllDirectories));
        var content = await File.ReadAllBytesAsync(blob);
        var copy = Path.Combine(home.Folder, "copy.gguf");
        await File.WriteAllBytesAsync(copy, content);
        hub.Server.Faults.Add(new FakeHub.HubFault { Path = "/random/single", Status = 404 });

        await DamageAsync(blob);
        (await home.StokerAsync("verify", Model)).Expect(7);
        (await home.StokerAsync("repair", Model, "--mirror", Path.Combine(home.Folder, "no-such-file"))).Expect(2);
        var fromFile = (await home.StokerAsync("repair", Model, "--mirror", copy)).Expect(0);
        Assert.Contains($"1 chunk from {copy}, 0 fetched", fromFile.Out, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(blob));

        var ollama = Directory.CreateDirectory(Path.Combine(home.Folder, "ollama-models", "blobs")).FullName;
        File.Move(copy, Path.Combine(ollama, $"sha256-{Path.GetFileName(blob)}"));
        home.Environment["OLLAMA_MODELS"] = Path.GetDirectoryName(ollama)!;
        await DamageAsync(blob);
        Assert.Contains("1 chunk from Ollama's store", (await home.StokerAsync("repair", Model)).Expect(0).Out, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(blob));

        home.Environment.Remove("OLLAMA_MODELS");
        await DamageAsync(blob);
        (await home.StokerAsync("repair", Model)).Expect(3); // nobody has it
        var files = Directory.CreateDirectory(Path.Combine(hub.Server.Content.Root, "files")).FullName;
        File.Copy(hub.RandomModelPath, Path.Combine(files, "random-Q4_0.gguf"), overwrite: true);
        var fromMirror = (await home.StokerAsync("repair", Model, "--mirror", $"{hub.Server.Url}files/random-Q4_0.gguf")).Expect(0);
        Assert.Contains("fetched", fromMirror.Out, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(blob));
        (await home.StokerAsync("verify", Model)).Expect(0);
        hub.Server.Faults.Clear();
    }

    private static async Task DamageAsync(string blob)
    {
        File.SetUnixFileMode(blob, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using var edit = new FileStream(blob, FileMode.Open, FileAccess.Write);
        edit.Position = 100;
        edit.Write([1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
