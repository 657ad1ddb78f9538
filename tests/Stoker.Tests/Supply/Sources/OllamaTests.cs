using System.Security.Cryptography;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;

namespace Stoker.Tests.Supply.Sources;

public sealed class OllamaTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Pull_Model_BringsWeightsAndDefaults(bool auth, bool redirects)
    {
        await using var home = await HubHome.StartAsync(options => options with { RegistryAuth = auth, RegistryRedirects = redirects });
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Ollama(
            "library/small:1",
            original,
            ("params.json", """{"stop":["<|im_end|>","USER:"],"temperature":0.5,"top_k":20,"num_ctx":4096,"min_p":7,"novel":[1]}"""),
            ("template", "{{ .Prompt }}"),
            ("license", "MIT"));
        var manifest = await home.PullAsync("ollama:small:1");
        Assert.Equal("ollama:small:1", manifest.Name);
        Assert.Equal(["<|im_end|>", "USER:"], manifest.Defaults?.Stop);
        Assert.Equal(0.5f, manifest.Defaults?.Temperature);
        Assert.Equal(20, manifest.Defaults?.TopK);
        Assert.Equal(4096, manifest.Defaults?.ContextTokens);
        Assert.Null(manifest.Defaults?.MinP);
        Assert.Equal([FileRole.Weights, FileRole.Template, FileRole.License, FileRole.Params], manifest.Files.Select(static file => file.Role));
        await home.AssertHoldsAsync(manifest, original);
        Assert.Equal(manifest.Name, (await home.NewSupply().FindAsync("small:1", CallerTrust.Network, CancellationToken.None))?.Name);
        var hubPort = new Uri(home.Hub.Url).Port;
        Assert.All(home.Hub.Stats.Requests.Where(request => request.Port != hubPort), static request => Assert.False(request.HasAuthorization));
    }

    [Fact]
    public async Task Pull_ShortName_FollowsTheCallersOrder()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Ollama("library/small:1", home.Model("m.gguf")[0]);
        home.Hub.Publisher.Ollama("library/unheard:latest", home.Model("m.gguf")[0]);
        var ollamaFirst = home.Access with { SourceOrder = [ModelSourceKind.Ollama] };
        Assert.Equal("ollama:small:1", (await home.PullAsync("small:1", access: ollamaFirst)).Name);
        Assert.Equal("ollama:unheard:latest", (await home.PullAsync("unheard", access: ollamaFirst)).Name);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("unheard"));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
    }

    [Fact]
    public async Task Pull_RealmOnAnotherHost_IsNotAsked()
    {
        await using var elsewhere = await HubHome.StartAsync();
        await using var home = await HubHome.StartAsync(options => options with { RegistryAuth = true, RegistryRealm = elsewhere.Hub.Url + "token" });
        home.Hub.Publisher.Ollama("library/small:1", home.Model("m.gguf")[0]);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:small:1"));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("another host", refused.Message, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Hub.Stats.Requests);
    }

    [Theory]
    [InlineData("sha256:../../../../etc/x")]
    [InlineData("sha256-..%2f..")]
    [InlineData("sha256:abc")]
    [InlineData("sha512:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("")]
    public async Task Pull_HostileDigest_IsRefusedBeforeAnyFile(string digest)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.OllamaManifest("library/evil:latest", $$"""{"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"{{digest}}","size":5}]}""");
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:evil"));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.Empty(Directory.GetFileSystemEntries(home.Home));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("<html>")]
    [InlineData("""{"layers":[]}""")]
    [InlineData("""{"layers":[null]}""")]
    [InlineData("""{"layers":[{"mediaType":"x","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":-1}]}""")]
    [InlineData("""{"layers":[{"mediaType":"x","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1e99}]}""")]
    public async Task Pull_BrokenManifest_IsATypedError(string manifest)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.OllamaManifest("library/evil:latest", manifest);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:evil"));
        Assert.Equal(ErrorKind.Network, refused.Kind);
    }

    [Fact]
    public async Task Pull_DeepManifest_IsATypedError()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.OllamaManifest("library/evil:latest", new string('[', 100_000));
        Assert.Equal(ErrorKind.Network, (await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:evil"))).Kind);
    }

    [Fact]
    public async Task Pull_AbsentModel_SaysSo()
    {
        await using var home = await HubHome.StartAsync();
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:absent"));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
    }

    [Fact]
    public async Task Pull_ModelOfItsOwnEngine_NamesTheRepositoryToTry()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Ollama("library/small:1", Foreign(home));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:small:1"));
        Assert.Equal(ErrorKind.Unsupported, refused.Kind);
        Assert.Contains("hf:org/small:Q4_0", refused.Message, StringComparison.Ordinal);
        Assert.Null(await home.Supply.FindAsync("ollama:small:1", CallerTrust.Owner, CancellationToken.None));
    }

    [Fact]
    public async Task Pull_AdapterOrTensorLayers_AreUnsupported()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Ollama("someone/lora:latest", home.Model("m.gguf")[0], ("adapter.gguf", "x"));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:someone/lora"));
        Assert.Equal(ErrorKind.Unsupported, refused.Kind);
        Assert.Contains("adapter", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_ParamsThatAreNotTheirDigest_AreRefused()
    {
        await using var home = await HubHome.StartAsync(static options => options with { RegistryRedirects = false });
        home.Hub.Publisher.Ollama("library/small:1", home.Model("m.gguf")[0], ("params.json", """{"stop":["a"]}"""));
        var hex = Convert.ToHexStringLower(SHA256.HashData("""{"stop":["a"]}"""u8));
        home.Hub.Faults.Add(new HubFault { Path = "/blobs/" + hex, FlipBitAt = 3 });
        Assert.Equal(ErrorKind.Corrupt, (await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("ollama:small:1"))).Kind);
    }

    private static string Foreign(HubHome home)
    {
        var writer = new GgufWriter();
        writer.Set("general.architecture", "mllama");
        writer.Add(new GgufTensorSource("token_embd.weight", GgmlType.F32, [32], static stream => stream.Write(new byte[128])));
        var path = home.Scratch.File("foreign.gguf");
        writer.WriteFile(path);
        return path;
    }
}
