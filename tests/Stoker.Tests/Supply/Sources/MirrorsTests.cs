using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

/// <summary>Mirrors of a pull: typed, and kept in the manifest.</summary>
public sealed class MirrorsTests
{
    [Fact]
    public async Task Pull_WithAMirror_IsServedByItWhenTheOriginFails_AndLaterByTheManifestsOwn()
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        home.Hub.Publisher.Plain("copy.gguf", original);
        home.Hub.Faults.Add(new HubFault { Path = "/lfs/", Status = 404 });
        var mirror = new Uri(home.Hub.Url + "files/copy.gguf");
        var reports = new Reports();
        var manifest = await PullAsync(home, new PullOptions { Mirrors = [mirror] }, reports);
        await home.AssertHoldsAsync(manifest, original);
        Assert.Contains(mirror, manifest.Files[0].Origins);
        Assert.Contains(reports.All, static report => report is { Stage: Stage.Fetch, IsDone: true } && report.Note?.Contains("/lfs/", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void Add_AFolder_IsFollowedByEachFilesName()
    {
        var before = Manifest() with { Files = [.. Manifest().Files.Select(static file => file with { Origins = [.. file.Origins, new Uri("https://kept.example/x/" + file.Name)] })] };
        var added = Mirrors.Add(Manifest(), [new Uri("https://mirror.example/m/")], before);
        Assert.Equal(["https://hub.example/a%20b.gguf", "https://mirror.example/m/a%20b.gguf", "https://kept.example/x/a%20b.gguf"], added.Files[0].Origins.Select(static origin => origin.AbsoluteUri));
        // A file that nobody states the digest of comes from its origin alone.
        Assert.Equal(["https://hub.example/c.json"], added.Files[1].Origins.Select(static origin => origin.AbsoluteUri));
    }

    [Fact]
    public void Add_WhatCannotHaveAMirror_SaysWhy()
    {
        var unknown = Manifest() with { Files = [.. Manifest().Files.Select(static file => file with { Digest = null })] };
        Assert.Contains("--sha256", Assert.Throws<StokerException>(() => Mirrors.Add(unknown, [new Uri("https://m.example/x.gguf")], null)).Message, StringComparison.Ordinal);
        var two = Manifest() with { Files = [Manifest().Files[0], Manifest().Files[0] with { Name = "b.gguf" }] };
        Assert.Contains("slash", Assert.Throws<StokerException>(() => Mirrors.Add(two, [new Uri("https://m.example/x.gguf")], null)).Message, StringComparison.Ordinal);
    }

    private static ModelManifest Manifest() => new()
    {
        Name = "m",
        Source = ModelSourceKind.HuggingFace,
        Files =
        [
            new ManifestFile { Name = "a b.gguf", Role = FileRole.Weights, Digest = Digest.FromBytes(new byte[32]), Origins = [new Uri("https://hub.example/a%20b.gguf")] },
            new ManifestFile { Name = "c.json", Role = FileRole.Config, Origins = [new Uri("https://hub.example/c.json")] },
        ],
    };

    private static Task<ModelManifest> PullAsync(HubHome home, PullOptions options, Reports reports) =>
        home.Supply.PullAsync(ModelReference.Parse("org/one", ReferencePlaces.Nowhere), home.Access, options, reports, TestContext.Current.CancellationToken);
}
