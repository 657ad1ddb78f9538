using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Native.Libc;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;
using Stoker.Tests.TinyModel;

namespace Stoker.Tests.Supply.Sources;

/// <summary>Ollama's store and Hugging Face's cache on this machine: read where they lie, verified, never changed; nothing is fetched.</summary>
public sealed class LocalStoresTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private static readonly Uri Nobody = new("http://127.0.0.1:9/");

    [Fact]
    public async Task Pull_WhatOllamaHas_CostsNoContentAndLeavesItsFileAsItWas()
    {
        await using var home = await HubHome.StartAsync();
        using var store = new TempFolder();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Ollama("library/mine:latest", original, ("license", "MIT"));
        var theirs = AddOllamaBlob(store, File.ReadAllBytes(original));
        AddOllamaBlob(store, "MIT"u8.ToArray());
        var before = FileStamp.TryRead(theirs)!.Value;
        var mode = File.GetUnixFileMode(theirs);

        var reports = new Reports();
        var manifest = await home.PullAsync("ollama:mine", reports, home.Access with { OllamaModels = store.Path });

        Assert.Equal(0, home.Hub.Stats.ContentBytes);
        await home.AssertHoldsAsync(manifest, original);
        Assert.Contains(reports.All, static report => report is { Stage: Stage.Fetch, IsLocal: true } && report.Note?.StartsWith("from Ollama's store", StringComparison.Ordinal) == true);
        var after = FileStamp.TryRead(theirs)!.Value;
        Assert.Equal((before.SizeBytes, before.ModifiedNs, before.Inode, mode), (after.SizeBytes, after.ModifiedNs, after.Inode, File.GetUnixFileMode(theirs)));

        await home.Supply.RemoveAsync("ollama:mine", CancellationToken.None);
        Assert.Equal(File.ReadAllBytes(original), File.ReadAllBytes(theirs));
        Assert.Empty(home.BlobFiles());
    }

    [Fact]
    public async Task Pull_ADamagedCopy_IsNotUsedAndNotChanged()
    {
        await using var home = await HubHome.StartAsync();
        using var store = new TempFolder();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Ollama("library/mine:latest", original);
        var theirs = AddOllamaBlob(store, File.ReadAllBytes(original));
        var damaged = File.ReadAllBytes(theirs);
        damaged[^1] ^= 1;
        File.WriteAllBytes(theirs, damaged);
        var manifest = await home.PullAsync("ollama:mine", access: home.Access with { OllamaModels = store.Path });
        await home.AssertHoldsAsync(manifest, original);
        Assert.Equal(damaged, File.ReadAllBytes(theirs));
        Assert.Equal(new FileInfo(original).Length, home.Hub.Stats.ContentBytes);
        Assert.Empty(home.PartialFiles());
    }

    [Fact]
    public async Task Pull_TheRegistryCannotBeReached_WhatOllamaHasIsTaken()
    {
        await using var home = await HubHome.StartAsync();
        using var store = new TempFolder();
        var original = home.Model("m.gguf")[0];
        AddOllamaModel(store, "127.0.0.1:9", "mine", "latest", File.ReadAllBytes(original), """{"temperature":0.25}""");
        var access = home.Access with { OllamaRegistry = Nobody, OllamaModels = store.Path };
        var manifest = await home.PullAsync("ollama:mine", access: access);
        Assert.Equal(("ollama:mine:latest", ModelSourceKind.Ollama, 0.25f), (manifest.Name, manifest.Source, manifest.Defaults!.Temperature));
        await home.AssertHoldsAsync(manifest, original);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:absent", access: access));
        Assert.Equal(ErrorKind.Network, refused.Kind);
    }

    [Fact]
    public async Task Pull_ToRun_TakesWhatIsHereWithoutAskingTheNetwork()
    {
        await using var home = await HubHome.StartAsync();
        using var store = new TempFolder();
        var original = home.Model("m.gguf")[0];
        AddOllamaModel(store, new Uri(home.Hub.Url).Authority, "mine", "latest", File.ReadAllBytes(original), null);
        var manifest = await home.Supply.PullAsync(
            ModelReference.Parse("ollama:mine", ReferencePlaces.Nowhere), home.Access with { OllamaModels = store.Path }, new PullOptions { MustRun = true }, new Reports(), CancellationToken.None);
        await home.AssertHoldsAsync(manifest, original);
        Assert.Empty(home.Hub.Stats.Requests);
    }

    [Fact]
    public async Task Pull_WhatTheHubsCacheHas_IsFoundByRevisionAndQuantisation()
    {
        await using var home = await HubHome.StartAsync();
        using var cache = new TempFolder();
        var original = home.Model("m.gguf")[0];
        AddSnapshot(cache, "org/one", "main", ("sub/one-Q4_0.gguf", File.ReadAllBytes(original), true));
        var access = home.Access with { HuggingFaceEndpoint = Nobody, HuggingFaceCache = cache.Path };
        var manifest = await home.PullAsync("hf:org/one", access: access);
        Assert.Equal(("hf:org/one:Q4_0", Commit), (manifest.Name, manifest.Revision));
        await home.AssertHoldsAsync(manifest, original);
        Assert.Equal(manifest.Files[0].Digest, (await home.PullAsync($"hf:org/one@{Commit}:Q4_0", access: access)).Files[0].Digest);
        await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("hf:org/one@v2", access: access));
        await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("hf:org/two", access: access));
    }

    [Fact]
    public async Task Pull_ARepositoryOfTheCache_IsKeptWholeWithSmallFilesByGitsNames()
    {
        await using var home = await HubHome.StartAsync();
        using var cache = new TempFolder();
        var weights = File.ReadAllBytes(Path.Combine(TinyFiles.Folder, "model.safetensors"));
        AddSnapshot(cache, "org/whole", "main", ("model.safetensors", weights, true), ("config.json", "{}"u8.ToArray(), false), ("empty.txt", [], false));
        var manifest = await home.PullAsync("hf:org/whole", access: home.Access with { HuggingFaceEndpoint = Nobody, HuggingFaceCache = cache.Path });
        Assert.Equal(["model.safetensors", "config.json", "empty.txt"], manifest.Files.Select(static file => file.Name));
        using var lease = await home.Supply.HoldAsync(manifest, CancellationToken.None);
        Assert.Equal(weights, File.ReadAllBytes(lease.Paths[0]));
        Assert.Equal("{}", File.ReadAllText(lease.Paths[1]));
    }

    [Fact]
    public async Task Fetch_WithADigestThatIsHere_AsksNobody_AndRepairChangesOurCopyAlone()
    {
        await using var home = await HubHome.StartAsync();
        using var store = new TempFolder();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Ollama("library/mine:latest", original);
        var content = File.ReadAllBytes(original);
        var theirs = AddOllamaBlob(store, content);
        var access = home.Access with { OllamaModels = store.Path };
        var manifest = await home.PullAsync("ollama:mine", access: access);
        // Somebody changes the file, which is ours as well where it is a hard link.
        content[10] ^= 1;
        File.WriteAllBytes(theirs, content);
        var ours = Assert.Single(home.BlobFiles());
        if (!File.ReadAllBytes(ours).AsSpan().SequenceEqual(content)) return; // a reflink: what they change is not ours
        using var supply = new FileSupply(home.Home, new FetchOptions(), home.Sources);
        var found = supply.Verify(manifest, manifest.Files[0], static _ => { }, CancellationToken.None);
        Assert.False(found.Blob!.IsSound);
        await supply.RepairAsync(found, access, static _ => { }, CancellationToken.None);
        Assert.Equal(File.ReadAllBytes(original), File.ReadAllBytes(ours));
        Assert.Equal(content, File.ReadAllBytes(theirs));
    }

    private static string AddOllamaBlob(TempFolder store, byte[] content)
    {
        var path = store.File($"blobs/sha256-{Convert.ToHexStringLower(SHA256.HashData(content))}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        return path;
    }

    private static void AddOllamaModel(TempFolder store, string host, string model, string tag, byte[] weights, string? parameters)
    {
        var layers = new List<string> { Layer("model", weights) };
        AddOllamaBlob(store, weights);
        if (parameters is not null)
        {
            layers.Add(Layer("params", Encoding.UTF8.GetBytes(parameters)));
            AddOllamaBlob(store, Encoding.UTF8.GetBytes(parameters));
        }
        var path = store.File($"manifests/{host}/library/{model}/{tag}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $$"""{"schemaVersion":2,"layers":[{{string.Join(',', layers)}}]}""");
    }

    private static string Layer(string kind, byte[] content) =>
        $$"""{"mediaType":"application/vnd.ollama.image.{{kind}}","digest":"sha256:{{Convert.ToHexStringLower(SHA256.HashData(content))}}","size":{{content.Length}}}""";

    private static void AddSnapshot(TempFolder cache, string repo, string revision, params (string Name, byte[] Content, bool IsLfs)[] files)
    {
        var folder = cache.File("models--" + repo.Replace("/", "--", StringComparison.Ordinal));
        Directory.CreateDirectory(Path.Combine(folder, "blobs"));
        Directory.CreateDirectory(Path.Combine(folder, "refs"));
        File.WriteAllText(Path.Combine(folder, "refs", revision), Commit);
        foreach (var (name, content, isLfs) in files)
        {
            var blob = Path.Combine(folder, "blobs", isLfs ? Convert.ToHexStringLower(SHA256.HashData(content)) : GitName(content));
            File.WriteAllBytes(blob, content);
            var link = Path.Combine(folder, "snapshots", Commit, name);
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.CreateSymbolicLink(link, Path.GetRelativePath(Path.GetDirectoryName(link)!, blob));
        }
    }

    private static string GitName(byte[] content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
