using System.Text;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Sources;
using Stoker.Tests.TinyModel;

namespace Stoker.Tests.Supply.Sources;

/// <summary>Repositories that are kept file by file.</summary>
public sealed class HuggingFaceRepositoryTests
{
    private const string Repo = "org/whole";

    [Fact]
    public async Task Pull_Safetensors_KeepsConfigTokenizerAndTheIndexedShards()
    {
        await using var home = await HubHome.StartAsync(static options => options with { TreePageSize = 3 });
        Publish(home);
        var manifest = await home.PullAsync("hf:org/whole");

        Assert.Equal("hf:org/whole", manifest.Name);
        Assert.NotNull(manifest.Selection);
        Assert.Equal(
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "LICENSE", "config.json", "empty.txt", "model.safetensors.index.json", "tokenizer.json"],
            manifest.Files.Select(static file => file.Name));
        Assert.All(manifest.Files, static file => Assert.NotNull(file.Digest));
        Assert.Equal([FileRole.Weights, FileRole.Weights, FileRole.License, FileRole.Config, FileRole.Other, FileRole.Other, FileRole.Tokenizer], manifest.Files.Select(static file => file.Role));
        using (var lease = await home.Supply.HoldAsync(manifest, CancellationToken.None))
        {
            foreach (var (file, path) in manifest.Files.Zip(lease.Paths))
                Assert.Equal(File.ReadAllBytes(Path.Combine(home.Hub.Content.Root, "hf", Repo, file.Name)), File.ReadAllBytes(path));
        }
        Assert.DoesNotContain(home.PartialFiles(), static path => !path.EndsWith(".lock", StringComparison.Ordinal));
        var removed = await home.Supply.RemoveAsync("org/whole", CancellationToken.None);
        Assert.Equal(manifest.Files.DistinctBy(static file => file.Digest).Sum(static file => file.SizeBytes), removed!.FreedBytes);
        Assert.Empty(home.BlobFiles());
    }

    [Fact]
    public async Task Pull_Again_FetchesNoFileOfIt()
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        await home.PullAsync("hf:org/whole");
        home.Hub.Stats.Clear();
        var reports = new Reports();
        await home.PullAsync("hf:org/whole", reports);
        // The index is read to know the shards; it is a document, not a fetched file.
        Assert.DoesNotContain(home.Hub.Stats.Requests, static request => request.Path.Contains("/resolve/", StringComparison.Ordinal) && !request.Path.Contains("index.json", StringComparison.Ordinal));
        Assert.Equal(7, reports.All.Count(static report => report.Note == "already here"));
    }

    [Fact]
    public async Task Pull_OneChangedFile_FetchesThatFileAlone()
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        var before = await home.PullAsync("hf:org/whole");
        Write(home, "config.json", """{"model_type":"changed"}""");
        home.Hub.Stats.Clear();
        var after = await home.PullAsync("hf:org/whole");
        Assert.NotEqual(before.Revision, after.Revision);
        Assert.Equal(["config.json"], home.Hub.Stats.Requests.Where(static request => request.Path.Contains("/resolve/", StringComparison.Ordinal) && !request.Path.Contains("index", StringComparison.Ordinal)).Select(static request => request.Path.Split('/')[^1]).Distinct());
    }

    [Fact]
    public async Task Pull_IncludeAndExclude_DecideAndAreRemembered()
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        var options = new PullOptions { Selection = FileSelection.Of(["*.json", "*.bin"], ["*index*"]) };
        var manifest = await home.Supply.PullAsync(ModelReference.Parse("org/whole", ReferencePlaces.Nowhere), home.Access, options, new Reports(), CancellationToken.None);
        Assert.Equal(["pytorch_model.bin", "config.json", "tokenizer.json"], manifest.Files.Select(static file => file.Name));
        var found = await home.NewSupply().FindAsync("org/whole", CallerTrust.Owner, CancellationToken.None);
        Assert.Equal(["*.json", "*.bin"], found!.Selection!.Include);
        Assert.Equal(["*index*"], found.Selection.Exclude);
    }

    [Fact]
    public async Task Pull_AGgufRepositoryWithPatterns_IsKeptBesideItsOneModel()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/both", ("a-Q4_0.gguf", home.Model("a.gguf")[0]), ("b-Q8_0.gguf", home.Model("b.gguf", seed: 2)[0]));
        var one = await home.PullAsync("org/both");
        var options = new PullOptions { Selection = FileSelection.Of(["*.gguf"], null) };
        var whole = await home.Supply.PullAsync(ModelReference.Parse("org/both", ReferencePlaces.Nowhere), home.Access, options, new Reports(), CancellationToken.None);
        Assert.Equal(("hf:org/both:Q4_0", 1), (one.Name, one.Files.Count));
        Assert.Equal(("hf:org/both", 2), (whole.Name, whole.Files.Count));
        Assert.Equal(2, (await home.Supply.ListAsync(CancellationToken.None)).Count);
        var refused = await Assert.ThrowsAsync<StokerException>(() =>
            home.Supply.PullAsync(ModelReference.Parse("org/both:Q4_0", ReferencePlaces.Nowhere), home.Access, options, new Reports(), CancellationToken.None));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
    }

    [Fact]
    public async Task Pull_ToRun_RefusesBeforeAByteOfItIsFetched()
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() =>
            home.Supply.PullAsync(ModelReference.Parse("org/whole", ReferencePlaces.Nowhere), home.Access, new PullOptions { MustRun = true }, new Reports(), CancellationToken.None));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains("only safetensors", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, home.Hub.Stats.ContentBytes);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    public async Task Pull_ASmallFileThatIsNotWhatGitNames_IsCorrupt(string lying)
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        home.Hub.Faults.Add(new HubFault { Path = $"/{lying}", FlipBitAt = 3 });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/whole"));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.Contains("git blob", refused.Message, StringComparison.Ordinal);
        Assert.Empty(await home.Supply.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Pull_TornSafetensorsBehindARightDigest_IsRefusedAndNotKept()
    {
        await using var home = await HubHome.StartAsync();
        Publish(home);
        Write(home, "model-00002-of-00002.safetensors", "not a header");
        var reports = new Reports();
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/whole", reports));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.Contains("model-00002-of-00002.safetensors", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(reports.All, static report => report.Stage == Stage.Verify);
        Assert.Empty(home.BlobFiles());
    }

    private static void Publish(HubHome home)
    {
        var tiny = TinyFiles.Folder;
        File.Copy(Path.Combine(tiny, "model.safetensors"), Target(home, "model-00001-of-00002.safetensors"), overwrite: true);
        File.Copy(Path.Combine(tiny, "model.safetensors"), Target(home, "model-00002-of-00002.safetensors"), overwrite: true);
        File.AppendAllText(Target(home, "consolidated.safetensors"), "the same again");
        Write(home, "model.safetensors.index.json", """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""");
        Write(home, "config.json", """{"model_type":"tiny"}""");
        Write(home, "tokenizer.json", """{"version":"1.0"}""");
        Write(home, "empty.txt", "");
        Write(home, "LICENSE", "MIT");
        Write(home, "pytorch_model.bin", "pickle");
    }

    private static void Write(HubHome home, string name, string text) => File.WriteAllBytes(Target(home, name), Encoding.UTF8.GetBytes(text));

    private static string Target(HubHome home, string name)
    {
        var path = Path.Combine(home.Hub.Content.Root, "hf", Repo, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }
}
