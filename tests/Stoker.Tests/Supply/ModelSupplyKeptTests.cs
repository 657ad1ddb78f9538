using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply;

/// <summary>A pulled model whose file was touched, when it is to be run; and what all pulls share of a rate.</summary>
public sealed class ModelSupplyKeptTests
{
    [Fact]
    public async Task Pull_ToRunWhatIsInstalledAndTouched_IsHashedWithProgressAndNeedsNoNetwork()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("m.gguf")[0]));
        var manifest = await home.PullAsync("org/one");
        Assert.True(home.Supply.Locate(manifest).IsSettled);
        File.SetLastWriteTimeUtc(Assert.Single(home.BlobFiles()), DateTime.UtcNow.AddDays(-1));
        Assert.False(home.Supply.Locate(manifest).IsSettled);
        home.Hub.Stats.Clear();

        var reports = new Reports();
        Assert.Equal(manifest.Name, (await ToRunAsync(home, reports)).Name);

        Assert.Empty(home.Hub.Stats.Requests);
        Assert.Contains(reports.All, report => report is { Stage: Stage.Verify, Item: "one-Q4_0.gguf", IsDone: true } && report.DoneBytes == manifest.SizeBytes);
        Assert.True(home.Supply.Locate(manifest).IsSettled);
    }

    [Fact]
    public async Task Pull_ToRunWhatIsDamaged_FetchesItAgain()
    {
        await using var home = await HubHome.StartAsync();
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        var manifest = await home.PullAsync("org/one");
        var blob = Assert.Single(home.BlobFiles());
        File.SetUnixFileMode(blob, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (var file = File.OpenWrite(blob)) file.WriteByte(1);
        await ToRunAsync(home, new Reports());
        await home.AssertHoldsAsync(manifest, original);
        File.Delete(blob);
        Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => home.Supply.Locate(manifest)).Kind);
        await ToRunAsync(home, new Reports());
        await home.AssertHoldsAsync(manifest, original);
    }

    [Fact]
    public async Task Pull_TwoModelsWithinOneRate_TakeAsLongAsBothNeed()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("a.gguf")[0]));
        home.Hub.Publisher.HuggingFace("org/two", ("two-Q4_0.gguf", home.Model("b.gguf", seed: 2)[0]));
        const long rate = 1_500_000;
        var time = new SkippedTime();
        using var supply = new ModelSupply(new SupplyOptions { Home = home.Home, Sources = home.Sources, Fetch = new() { Rate = new TokenBucket(rate, time) } });
        var began = time.GetTimestamp();
        var pulled = await Task.WhenAll(new[] { "org/one", "org/two" }.Select(name =>
            supply.PullAsync(ModelReference.Parse(name, ReferencePlaces.Nowhere), home.Access, new Reports(), TestContext.Current.CancellationToken)));
        var seconds = time.GetElapsedTime(began).TotalSeconds;
        var bytes = pulled.Sum(static model => model.SizeBytes);
        Assert.InRange(bytes / seconds, rate * 0.9, rate * 1.1);
    }

    private static Task<ModelManifest> ToRunAsync(HubHome home, Reports reports) => home.Supply.PullAsync(
        ModelReference.Parse("org/one", ReferencePlaces.Nowhere), home.Access, new PullOptions { MustRun = true }, reports, TestContext.Current.CancellationToken);
}
