using FsCheck;
using FsCheck.Fluent;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Blobs;

public sealed class ManifestStoreTests : IDisposable
{
    private static readonly Digest SomeDigest = Digest.Parse("sha256:" + new string('a', 64));
    private readonly TempFolder _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData(ModelSourceKind.HuggingFace, "hf:org/repo:Q4_K_M", "huggingface/org/repo/Q4_K_M.json")]
    [InlineData(ModelSourceKind.HuggingFace, "hf:org/repo@refs/pr/1:Q4_K_M", "huggingface/org/repo/%40refs%2Fpr%2F1%3AQ4_K_M.json")]
    [InlineData(ModelSourceKind.Ollama, "ollama:qwen2.5:0.5b", "ollama/qwen2.5/0.5b.json")]
    [InlineData(ModelSourceKind.Url, "https://h/a.gguf", "url/https%3A/%/h/a.gguf/default.json")]
    [InlineData(ModelSourceKind.Url, "../../x", "url/%2E./%2E./x/default.json")]
    public void Path_OfAName_StaysReadable(ModelSourceKind source, string name, string path) =>
        Assert.Equal(path, ManifestPath.Of(source, name));

    [Fact]
    public void Path_OfAnyName_StaysInsideAndDiffers()
    {
        var seen = new Dictionary<string, string>();
        var piece = Gen.Elements("..", ".", "/", "%", "%2E", "a", "A", ":", "@", "\0", "\u2215", "é", "-", " ", new string('x', 130), "default");
        var text = piece.NonEmptyListOf().Select(static parts => string.Concat(parts.Take(8)));
        Prop.ForAll(text.ToArbitrary(), name =>
        {
            var path = ManifestPath.Of(ModelSourceKind.HuggingFace, "hf:" + name);
            Assert.StartsWith("/m/huggingface/", Path.GetFullPath(path, "/m"), StringComparison.Ordinal);
            Assert.All(path.Split('/'), static part => Assert.InRange(part.Length, 1, 255));
            if (seen.TryGetValue(path, out var other)) Assert.Equal(other, name); else seen[path] = name;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000).WithReplay(20261121, 9).WithQuietOnSuccess(true));
    }

    [Fact]
    public void Write_ThenANewStore_ReadsTheSame()
    {
        var manifest = Manifest("hf:org/repo:Q4_K_M") with
        {
            Revision = "abc",
            Aliases = ["tiny2"],
            Defaults = new ModelDefaults { Stop = ["</s>"], Temperature = 0.5f },
            PulledAt = DateTimeOffset.Parse("2026-11-21T10:00:00Z"),
        };
        new ManifestStore(_home.Path).Write(manifest);
        var read = Assert.Single(new ManifestStore(_home.Path).List());
        Assert.Equivalent(manifest, read, strict: true);
        Assert.Equal(SomeDigest, read.Files[0].Digest);
    }

    [Fact]
    public void Find_ByNameAliasAndOtherCase()
    {
        var store = new ManifestStore(_home.Path);
        store.Write(Manifest("hf:org/repo:Q4_K_M") with { Aliases = ["qwen"] });
        Assert.NotNull(store.Find("hf:org/repo:Q4_K_M"));
        Assert.NotNull(store.Find("hf:Org/Repo:q4_k_m"));
        Assert.NotNull(store.Find("qwen"));
        Assert.Null(store.Find("hf:org/repo:Q8_0"));
    }

    [Fact]
    public void Write_AnAliasThatMovedOn_MeansTheNewerModelOnly()
    {
        var store = new ManifestStore(_home.Path);
        store.Write(Manifest("hf:org/a:Q4_0") with { Aliases = ["m", "first"] });
        store.Write(Manifest("hf:org/b:Q4_0") with { Aliases = ["m"] });
        Assert.Equal("hf:org/b:Q4_0", store.Find("m")?.Name);
        Assert.Equal(["first"], new ManifestStore(_home.Path).Find("hf:org/a:Q4_0")?.Aliases);
    }

    [Fact]
    public void Write_AgainUnderAnotherWord_KeepsTheEarlierAliases()
    {
        var store = new ManifestStore(_home.Path);
        store.Write(Manifest("hf:org/a:Q4_0") with { Aliases = ["one"] });
        store.Write(Manifest("hf:org/a:Q4_0") with { Aliases = ["two"] });
        Assert.NotNull(store.Find("one"));
        Assert.NotNull(store.Find("two"));
        Assert.Single(store.List());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("{\"version\":9,\"model\":null}")]
    [InlineData("{\"version\":1,\"model\":{\"name\":\"x\",\"source\":\"Url\",\"files\":[]}}")]
    [InlineData("{\"version\":1,\"model\":{\"name\":\"x\",\"source\":\"Url\",\"files\":[null]}}")]
    [InlineData("{\"version\":1,\"model\":{\"name\":\"x\",\"source\":\"Url\",\"files\":[{\"name\":\"../x\",\"role\":\"Weights\"}]}}")]
    public void List_BrokenManifest_IsToldAndPassedOver(string json)
    {
        var folder = Path.Combine(_home.Path, "manifests", "url", "x");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "default.json"), json);
        new ManifestStore(_home.Path).Write(Manifest("hf:org/a:Q4_0"));
        var store = new ManifestStore(_home.Path);
        Assert.Single(store.List());
        Assert.Contains("default.json", Assert.Single(store.Broken()), StringComparison.Ordinal);
    }

    [Fact]
    public void List_ManifestThatLeavesListsOut_ReadsThemAsEmpty()
    {
        var folder = Path.Combine(_home.Path, "manifests", "ollama", "x");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "latest.json"), $$$"""{"version":1,"model":{"name":"ollama:x:latest","source":"Ollama","defaults":{},"files":[{"name":"a","role":"Weights","sizeBytes":1,"digest":"{{{SomeDigest}}}"}]}}""");
        var store = new ManifestStore(_home.Path);
        Assert.Null(store.Find("y"));
        var read = store.Find("ollama:x:latest")!;
        Assert.Empty(read.Aliases);
        Assert.Empty(read.Files[0].Origins);
        Assert.Empty(read.Defaults!.Stop);
    }

    [Fact]
    public void Write_SignedOrigin_LosesItsQuery()
    {
        var manifest = Manifest("hf:org/a:Q4_0");
        var signed = manifest with { Files = [manifest.Files[0] with { Origins = [new Uri("https://h/a.gguf?X-Amz-Signature=SECRET123&key=SECRET123")] }] };
        new ManifestStore(_home.Path).Write(signed);
        Assert.Equal("https://h/a.gguf", Assert.Single(new ManifestStore(_home.Path).Find("hf:org/a:Q4_0")!.Files[0].Origins).AbsoluteUri);
    }

    [Fact]
    public void List_ManifestUnderAnotherModelsPath_IsNotBelieved()
    {
        var store = new ManifestStore(_home.Path);
        store.Write(Manifest("hf:org/a:Q4_0"));
        var path = Path.Combine(_home.Path, "manifests", ManifestPath.Of(ModelSourceKind.HuggingFace, "hf:org/a:Q4_0"));
        var forged = Path.Combine(_home.Path, "manifests", ManifestPath.Of(ModelSourceKind.HuggingFace, "hf:org/b:Q4_0"));
        Directory.CreateDirectory(Path.GetDirectoryName(forged)!);
        File.Copy(path, forged);
        var again = new ManifestStore(_home.Path);
        Assert.Null(again.Find("hf:org/b:Q4_0"));
        Assert.Single(again.Broken());
    }

    [Fact]
    public void Remove_IsDurableAndToldOnce()
    {
        var store = new ManifestStore(_home.Path);
        var written = store.Write(Manifest("hf:org/a:Q4_0"));
        Assert.True(store.Remove(written));
        Assert.False(store.Remove(written));
        Assert.Empty(new ManifestStore(_home.Path).List());
    }

    private static ModelManifest Manifest(string name) => new()
    {
        Name = name,
        Source = ModelSourceKind.HuggingFace,
        Files = [new ManifestFile { Name = "a.gguf", Role = FileRole.Weights, SizeBytes = 5, Digest = SomeDigest, Origins = [new Uri("https://h/a.gguf")] }],
    };
}
