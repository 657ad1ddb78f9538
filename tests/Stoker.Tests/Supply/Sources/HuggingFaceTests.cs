using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;

namespace Stoker.Tests.Supply.Sources;

public sealed class HuggingFaceTests
{
    [Fact]
    public async Task Pull_OneFile_IsHeldUnderItsDigestAndFoundByEveryName()
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/small", ("small-q4_0.gguf", original), ("mmproj-small-q8_0.gguf", original), ("README.md", Note(home)));
        var reports = new Reports();
        var manifest = await home.PullAsync("small:1", reports);

        Assert.Equal("hf:org/small:Q4_0", manifest.Name);
        Assert.Matches("^[0-9a-f]{40}$", manifest.Revision);
        await home.AssertHoldsAsync(manifest, original);
        foreach (var name in new[] { "small:1", "hf:org/small:Q4_0", "hf:org/small:q4_0", "org/small:Q4_0", "https://huggingface.co/org/small:Q4_0" })
            Assert.Equal(manifest.Name, (await home.Supply.FindAsync(name, CallerTrust.Network, CancellationToken.None))?.Name);
        Assert.Null(await home.Supply.FindAsync("hf:org/small:Q8_0", CallerTrust.Owner, CancellationToken.None));

        Assert.Contains(reports.All, static report => report.Stage == Stage.Resolve && report.IsDone);
        var last = reports.All.Last(static report => report.Stage == Stage.Fetch);
        Assert.True(last.IsDone);
        Assert.Equal(new FileInfo(original).Length, last.DoneBytes);
        Assert.Contains(reports.All, static report => report.Stage == Stage.Verify && report.IsDone);
        Assert.All(home.Hub.Stats.Requests, static request => Assert.StartsWith("stoker/", request.UserAgent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pull_Again_FetchesNothing()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/small", ("small-q4_0.gguf", home.Model("m.gguf")[0]));
        await home.PullAsync("org/small");
        var bytes = home.Hub.Stats.ContentBytes;
        var reports = new Reports();
        var again = await home.PullAsync("hf:org/small", reports);
        Assert.Equal(bytes, home.Hub.Stats.ContentBytes);
        Assert.Contains(reports.All, static report => report.Note == "already here");
        Assert.Equal(again.Name, (await home.Supply.FindAsync("org/small", CallerTrust.Network, CancellationToken.None))?.Name);
    }

    [Fact]
    public async Task Pull_SplitInASubfolder_IsOneModel()
    {
        await using var home = await HubHome.StartAsync(static options => options with { TreePageSize = 2 });
        var parts = home.Model("s.gguf", parts: 3);
        home.Hub.Publisher.HuggingFace("org/split", parts.Select((part, i) => ($"Q8_0/s-0000{i + 1}-of-00003.gguf", part)));
        home.Hub.Publisher.HuggingFace("org/split", ("a.txt", Note(home)), ("b.txt", Note(home)), ("Q2_K/x-00001-of-00002.gguf", parts[0]));
        var manifest = await home.PullAsync("hf:org/split");
        Assert.Equal("hf:org/split:Q8_0", manifest.Name);
        await home.AssertHoldsAsync(manifest, parts);
        Assert.True(home.Hub.Stats.Count("cursor=") >= 3, "The tree has several pages.");
        var byFile = await home.PullAsync("hf:org/split:Q8_0/s-00002-of-00003.gguf");
        await home.AssertHoldsAsync(byFile, parts);
        var refused = await Assert.ThrowsAsync<StokerException>(() => home.PullAsync("hf:org/split:Q2_K"));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains("Q8_0", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_WithAToken_DoesNotCarryItToTheContentHost()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/gated", ("g-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Publisher.HuggingFaceSettings("org/gated", """{"gated":true}""");
        var manifest = await home.PullAsync("org/gated", access: home.Access with { HuggingFaceToken = "hf_fakehub_token" });
        Assert.Equal("hf:org/gated:Q4_0", manifest.Name);
        Assert.All(home.Hub.Stats.Requests.Where(static request => request.Path.StartsWith("/lfs/", StringComparison.Ordinal)), static request => Assert.False(request.HasAuthorization));
        Assert.Contains(home.Hub.Stats.Requests, static request => request.HasAuthorization);
    }

    [Theory]
    [InlineData("{\"gated\":true}", null, ErrorKind.Unauthorized, "accept its licence")]
    [InlineData("{\"gated\":true,\"notYours\":true}", "hf_fakehub_token", ErrorKind.Forbidden, "accept its licence")]
    [InlineData("{\"private\":true}", null, ErrorKind.NotFound, "HF_TOKEN")]
    [InlineData("{}", "hf_wrong", ErrorKind.Unauthorized, "HF_TOKEN")]
    public async Task Pull_NotAllowed_SaysWhatToDo(string settings, string? token, ErrorKind kind, string hint)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/closed", ("g-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Publisher.HuggingFaceSettings("org/closed", settings);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/closed", access: home.Access with { HuggingFaceToken = token }));
        Assert.Equal(kind, refused.Kind);
        Assert.Contains(hint, refused.Message, StringComparison.Ordinal);
        Assert.Contains("org/closed", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_", refused.Message, StringComparison.Ordinal);
        Assert.Empty(home.BlobFiles());
    }

    [Theory]
    [InlineData("hf:org/absent", "org/absent does not exist")]
    [InlineData("hf:org/there@nope", "no such revision")]
    [InlineData("hf:org/there:Q8_0", "It has: Q4_0")]
    [InlineData("hf:org/there:other.gguf", "no file other.gguf")]
    [InlineData("hf:org/plain:Q4_0", "safetensors")]
    [InlineData("hf:org/text", "no GGUF model: none at all")]
    public async Task Pull_Absent_SaysWhatIsMissing(string reference, string hint)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/there", ("t-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Publisher.HuggingFace("org/plain", ("model.safetensors", Note(home)));
        home.Hub.Publisher.HuggingFace("org/text", ("README.md", Note(home)));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync(reference));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains(hint, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_PinnedRevision_KeepsItInTheName()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/there", ("t-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Publisher.HuggingFaceSettings("org/there", """{"revisions":["v1"]}""");
        var manifest = await home.PullAsync("hf:org/there@v1");
        Assert.Equal("hf:org/there@v1:Q4_0", manifest.Name);
        Assert.NotNull(await home.NewSupply().FindAsync("hf:org/there@v1:Q4_0", CallerTrust.Network, CancellationToken.None));
    }

    [Theory]
    [InlineData("""[{"type":"file","path":"../../evil-Q4_0.gguf","size":5}]""", ErrorKind.Corrupt, "'..'")]
    [InlineData("""[{"type":"file","path":"/etc/evil-Q4_0.gguf","size":5}]""", ErrorKind.Corrupt, "absolute")]
    [InlineData("""[{"type":"file","path":"%2e%2e/evil-Q4_0.gguf","size":5}]""", ErrorKind.Corrupt, "'..'")]
    [InlineData("""[{"type":"file","path":"a-Q4_0.gguf","size":-5}]""", ErrorKind.Network, "negative")]
    [InlineData("""[{"type":"file","path":"a-Q4_0.gguf","size":5,"lfs":{"oid":"../../etc/passwd","size":5}}]""", ErrorKind.Network, "digest")]
    [InlineData("""[{"type":"file","path":"a-Q4_0.gguf","size":5},{"type":"file","path":"a-Q4_0.gguf","size":5}]""", ErrorKind.Network, "twice")]
    [InlineData("""{"error":"x"}""", ErrorKind.Network, "JSON")]
    [InlineData("<html>", ErrorKind.Network, "web page")]
    public async Task Pull_HostileTree_IsRefusedBeforeAnyFile(string tree, ErrorKind kind, string hint)
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/evil", ("t-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Faults.Add(new HubFault { Path = "/tree/", Status = 200, StatusBody = tree });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("hf:org/evil"));
        Assert.Equal(kind, refused.Kind);
        Assert.Contains(hint, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(home.Home));
    }

    [Fact]
    public async Task Pull_EndlessTree_IsBounded()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/big", ("t-Q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Faults.Add(new HubFault { Path = "/tree/", Status = 200, StatusBody = "[" + new string(' ', 17 << 20) + "]" });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("hf:org/big"));
        Assert.Equal(ErrorKind.TooLarge, refused.Kind);
    }

    [Fact]
    public async Task Resolve_HubThatIsBusy_IsAskedAgain()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/small", ("small-q4_0.gguf", home.Model("m.gguf")[0]));
        home.Hub.Faults.Add(new HubFault { Path = "/revision/", Status = 503, Times = 2, RetryAfter = "0" });
        home.Hub.Faults.Add(new HubFault { Path = "/tree/", Drop = true, Times = 2 });
        Assert.Equal("hf:org/small:Q4_0", (await home.PullAsync("org/small")).Name);
        home.Hub.Faults.Add(new HubFault { Path = "/revision/", Status = 429, RetryAfter = "9999" });
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/small"));
        Assert.Equal(ErrorKind.Network, refused.Kind);
        Assert.Contains("429", refused.Message, StringComparison.Ordinal);
    }

    private static string Note(HubHome home)
    {
        var path = home.Scratch.File("note.txt");
        File.WriteAllText(path, "a note");
        return path;
    }
}
