using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>Whole pulls against what an origin can do wrong; plain addresses too, whose size and digest nobody told before.</summary>
public sealed class PullFaultTests
{
    public static TheoryData<string, HubFault, ErrorKind?> Faults() => new()
    {
        { "status once", Hit(new() { Path = "", Status = 500, Times = 1 }), null },
        { "429 twice", Hit(new() { Path = "", Status = 429, RetryAfter = "0", Times = 2 }), null },
        { "dropped before headers", Hit(new() { Path = "", Drop = true, Times = 2 }), null },
        { "cut in the middle", Hit(new() { Path = "", CutAfterBytes = 300_000, Times = 2 }), null },
        { "chunked without length", Hit(new() { Path = "", Chunked = true }), null },
        { "no etag", Hit(new() { Path = "", NoETag = true }), null },
        { "cut every time", Hit(new() { Path = "", CutAfterBytes = 300_000 }), ErrorKind.Network },
        { "not found", Hit(new() { Path = "", Status = 404, StatusBody = "not here" }), ErrorKind.NotFound },
        { "500 every time", Hit(new() { Path = "", Status = 500 }), ErrorKind.Network },
        { "gzip", Hit(new() { Path = "", Gzip = true }), ErrorKind.Network },
        { "login page", Hit(new() { Path = "", HtmlPage = true }), ErrorKind.Network },
        { "short body", Hit(new() { Path = "", ShortBodyBytes = 300_000 }), ErrorKind.Network },
        { "empty", Hit(new() { Path = "", ShortBodyBytes = 0 }), ErrorKind.Network },
        { "redirect circle", Hit(new() { Path = "", RedirectTo = "{self}" }), ErrorKind.Network },
        { "endless redirects", Hit(new() { Path = "", RedirectTo = "{next}" }), ErrorKind.Network },
        { "redirect to a file", Hit(new() { Path = "", RedirectTo = "file:///etc/passwd" }), ErrorKind.Forbidden },
        { "redirect to a password", Hit(new() { Path = "", RedirectTo = "http://a:b@127.0.0.1/x" }), ErrorKind.Forbidden },
        { "redirect outside", Hit(new() { Path = "", RedirectTo = "https://192.0.2.1/x" }), ErrorKind.Forbidden },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Pull_PlainAddress_SurvivesOrSaysWhy(string name, HubFault fault, ErrorKind? kind)
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Plain("dir/m.gguf", original);
        home.Hub.Faults.Add(fault with { Path = "m.gguf" });
        if (kind is null)
        {
            var manifest = await home.PullAsync(home.Hub.Url + "files/dir/m.gguf?token=secret");
            await home.AssertHoldsAsync(manifest, original);
            Assert.DoesNotContain("secret", manifest.Name, StringComparison.Ordinal);
            Assert.NotNull(await home.Supply.FindAsync(home.Hub.Url + "files/dir/m.gguf?token=other", CallerTrust.Owner, CancellationToken.None));
            Assert.Empty(home.PartialFiles());
        }
        else
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync(home.Hub.Url + "files/dir/m.gguf?token=secret"));
            Assert.True(kind == refused.Kind, $"{name}: {refused.Kind} {refused.Message}");
            Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
            Assert.Empty(home.BlobFiles());
            Assert.Empty(await home.Supply.ListAsync(CancellationToken.None));
            Assert.DoesNotContain(home.PartialFiles(), static path => new FileInfo(path).Length == 0);
        }
    }

    [Fact]
    public async Task Pull_FlippedBit_IsRefused_AndTheNextPullBeginsAfresh()
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        home.Hub.Faults.Add(new HubFault { Path = "/lfs/", FlipBitAt = -1 });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/one"));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.Empty(home.BlobFiles());
        home.Hub.Faults.Clear();
        await home.AssertHoldsAsync(await home.PullAsync("org/one"), original);
    }

    [Fact]
    public async Task Pull_WithAnExpectedDigest_HoldsTheOriginToIt()
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Plain("m.gguf", original);
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        var right = home.Access with { ExpectedDigest = Digest.Parse("sha256:" + home.Hub.Content.Files("files")[0].Sha256) };
        var wrong = home.Access with { ExpectedDigest = Digest.Parse("sha256:" + new string('0', 64)) };
        foreach (var text in new[] { home.Hub.Url + "files/m.gguf", "hf:org/one" })
        {
            Assert.Equal(ErrorKind.Corrupt, (await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync(text, access: wrong))).Kind);
            await home.AssertHoldsAsync(await home.PullAsync(text, access: right), original);
        }
        Assert.Equal(ErrorKind.InvalidInput, (await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync(original, access: right))).Kind);
    }

    [Theory]
    [InlineData(10, 0)]
    [InlineData(null, 10)]
    public async Task Pull_BodyThatIsNotTheListedSize_IsRefused(int? shortBody, int longBody)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Faults.Add(new HubFault { Path = "/lfs/", ShortBodyBytes = shortBody, LongBodyBytes = longBody });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/one"));
        Assert.Equal(ErrorKind.Network, refused.Kind);
        Assert.Empty(home.BlobFiles());
    }

    [Fact]
    public async Task Pull_Stall_IsNoticedAndTriedAgain()
    {
        await using var home = await HubHome.StartAsync(sources: static options => options with { IdleTimeout = TimeSpan.FromSeconds(4) });
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        home.Hub.Faults.Add(new HubFault { Path = "/lfs/", StallAfterBytes = 300_000, Times = 1 });
        await home.AssertHoldsAsync(await home.PullAsync("org/one"), original);

        await using var deaf = await HubHome.StartAsync(sources: static options => options with { IdleTimeout = TimeSpan.FromMilliseconds(400) });
        deaf.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        deaf.Hub.Faults.Add(new HubFault { Path = "/lfs/", DelayMs = 60_000 });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => deaf.PullAsync("org/one"));
        Assert.Equal(ErrorKind.Timeout, refused.Kind);
    }

    [Fact]
    public async Task Pull_OntoAFullDisk_SaysNeededAndFreeAndContinuesLater()
    {
        await using var home = await HubHome.StartAsync();
        using var disk = TinyDisk.TryMount(megabytes: 2) ?? throw SkipException();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Plain("m.gguf", original); // its size is not known before the answer: no preflight
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        using var supply = new ModelSupply(new SupplyOptions { Home = disk.Path, ProgramFolder = home.Scratch.Path, Sources = home.Sources });
        foreach (var text in new[] { home.Hub.Url + "files/m.gguf", "hf:org/one" })
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(() => supply.PullAsync(ModelReference.Parse(text, ReferencePlaces.Nowhere), home.Access, new Reports(), CancellationToken.None));
            Assert.Equal(ErrorKind.OutOfSpace, refused.Kind);
            Assert.Contains("free", refused.Message, StringComparison.Ordinal);
            Assert.Contains($"{new FileInfo(original).Length:N0}", refused.Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(disk.Path, "manifests")), "Nothing is listed that is not here.");
        }
        home.Hub.Faults.Add(new HubFault { Path = "m.gguf", Chunked = true }); // full in the middle of the body
        var late = await Assert.ThrowsAnyAsync<StokerException>(() => supply.PullAsync(ModelReference.Parse(home.Hub.Url + "files/m.gguf", ReferencePlaces.Nowhere), home.Access, new Reports(), CancellationToken.None));
        Assert.Equal(ErrorKind.OutOfSpace, late.Kind);
        disk.Grow(megabytes: 64);
        var manifest = await supply.PullAsync(ModelReference.Parse("hf:org/one", ReferencePlaces.Nowhere), home.Access, new Reports(), CancellationToken.None);
        using var lease = await supply.HoldAsync(manifest, CancellationToken.None);
        Assert.Equal(new FileInfo(original).Length, new FileInfo(lease.WeightPaths[0]).Length);
    }

    [Fact]
    public async Task Pull_OntoAReadOnlyDisk_SaysSo()
    {
        await using var home = await HubHome.StartAsync();
        using var disk = TinyDisk.TryMount(megabytes: 16) ?? throw SkipException();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("m.gguf")[0]));
        disk.MakeReadOnly();
        using var supply = new ModelSupply(new SupplyOptions { Home = disk.Path, ProgramFolder = home.Scratch.Path, Sources = home.Sources });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => supply.PullAsync(ModelReference.Parse("hf:org/one", ReferencePlaces.Nowhere), home.Access, new Reports(), CancellationToken.None));
        Assert.Equal(ErrorKind.Io, refused.Kind);
        Assert.Contains("read-only", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_OfACopyOntoAFullDisk_LeavesNothingAndContinuesLater()
    {
        await using var home = await HubHome.StartAsync();
        using var disk = TinyDisk.TryMount(megabytes: 2) ?? throw SkipException();
        using var theirs = new TempFolder();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.Ollama("library/mine:latest", original);
        var blobs = Directory.CreateDirectory(theirs.File("blobs")).FullName;
        File.Copy(original, Path.Combine(blobs, "sha256-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(original)))));
        using var supply = new ModelSupply(new SupplyOptions { Home = disk.Path, ProgramFolder = home.Scratch.Path, Sources = home.Sources });
        var access = home.Access with { OllamaModels = theirs.Path };

        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => supply.PullAsync(ModelReference.Parse("ollama:mine", ReferencePlaces.Nowhere), access, new Reports(), CancellationToken.None));
        Assert.Equal(ErrorKind.OutOfSpace, refused.Kind);
        Assert.Contains("free", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.Combine(disk.Path, "partial")));

        disk.Grow(megabytes: 64);
        var reports = new Reports();
        await supply.PullAsync(ModelReference.Parse("ollama:mine", ReferencePlaces.Nowhere), access, reports, CancellationToken.None);
        Assert.Contains(reports.All, static report => report is { IsLocal: true, Note: "from Ollama's store (copy)" });
    }

    private static Exception SkipException()
    {
        Assert.Skip("Mounting a small tmpfs needs root: the full-disk test did not run.");
        return new InvalidOperationException();
    }

    private static HubFault Hit(HubFault fault) => fault;
}
