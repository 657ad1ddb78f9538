using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Native.Libc;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply;

/// <summary>What the store takes, what goes, and what must not.</summary>
public sealed class StoreUpkeepTests
{
    private static readonly DateTime LongAgo = DateTime.UtcNow.AddDays(-30);
    private static readonly DateTime Hour = DateTime.UtcNow.AddHours(-1);

    [Fact]
    public async Task Collect_RemovesWhatNoModelNames_AndSaysItBeforehand()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/kept", ("kept-Q4_0.gguf", home.Model("a.gguf")[0]));
        home.Hub.Publisher.HuggingFace("org/lost", ("lost-Q4_0.gguf", home.Model("b.gguf", seed: 2)[0]));
        var kept = await home.PullAsync("org/kept");
        var lost = await home.PullAsync("org/lost");
        File.Delete(Assert.Single(Directory.GetFiles(Path.Combine(home.Home, "manifests"), "*.json", SearchOption.AllDirectories), static path => path.Contains("lost", StringComparison.Ordinal)));
        using var supply = home.NewSupply();

        Assert.Empty(supply.Upkeep.Collect(dryRun: false)); // just written: another process may be about to use it
        foreach (var blob in home.BlobFiles()) File.SetLastWriteTimeUtc(blob, Hour);
        var usage = supply.Upkeep.Usage();
        Assert.Equal((1, kept.SizeBytes, 0L, lost.SizeBytes, 0L), (usage.Models, usage.ModelsBytes, usage.SharedBytes, usage.UnnamedBytes, usage.PartialBytes));
        var would = Assert.Single(supply.Upkeep.Collect(dryRun: true));
        Assert.Equal((lost.Files[0].Digest.ToString(), lost.SizeBytes), (would.Name, would.SizeBytes));
        Assert.Equal(2, home.BlobFiles().Count);
        Assert.Equal([would], supply.Upkeep.Collect(dryRun: false));
        Assert.EndsWith(kept.Files[0].Digest!.Value.Hex, Assert.Single(home.BlobFiles()), StringComparison.Ordinal);
        Assert.Empty(supply.Upkeep.Collect(dryRun: true));
    }

    [Fact]
    public async Task Collect_ABlobThatIsHeld_Stays()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("a.gguf")[0]));
        var manifest = await home.PullAsync("org/one");
        File.SetLastWriteTimeUtc(Assert.Single(home.BlobFiles()), Hour);
        foreach (var path in Directory.GetFiles(Path.Combine(home.Home, "manifests"), "*.json", SearchOption.AllDirectories)) File.Delete(path);
        using var supply = home.NewSupply();
        using (await supply.HoldAsync(manifest, CancellationToken.None)) Assert.Empty(supply.Upkeep.Collect(dryRun: false));
        Assert.Single(supply.Upkeep.Collect(dryRun: false));
    }

    [Fact]
    public async Task Collect_Partials_GoByAgeAndNeverWhileWorkedOn()
    {
        await using var home = await HubHome.StartAsync();
        var partial = Directory.CreateDirectory(Path.Combine(home.Home, "partial")).FullName;
        foreach (var (name, time) in new[] { ("old.part", LongAgo), ("old.journal", LongAgo), ("young.part", Hour), ("new-1.part", LongAgo.AddDays(28)), ("new-2.part", Hour), ("busy.part", LongAgo) })
        {
            File.WriteAllText(Path.Combine(partial, name), "x");
            File.SetLastWriteTimeUtc(Path.Combine(partial, name), time);
        }
        using var busy = FileLock.TryAcquire(Path.Combine(partial, "busy.lock"));
        Assert.Equal(["new-1.part", "old.journal", "old.part"], home.Supply.Upkeep.Collect(dryRun: false).Select(static item => item.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["busy.part", "new-2.part", "young.part"], Directory.GetFiles(partial, "*.part").Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Quota_IsKeptByRemovingWhatNobodyNeeds_AndThenByRefusing()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("a.gguf")[0]));
        home.Hub.Publisher.HuggingFace("org/two", ("two-Q4_0.gguf", home.Model("b.gguf", seed: 2)[0]));
        var one = await home.PullAsync("org/one");
        var quota = one.SizeBytes * 3 / 2;
        var options = new SupplyOptions { Home = home.Home, Sources = home.Sources, QuotaBytes = quota };
        using (var supply = new ModelSupply(options))
        {
            var refused = await Assert.ThrowsAsync<StokerException>(() => PullAsync(supply, home, "org/two"));
            Assert.Equal(ErrorKind.OutOfSpace, refused.Kind);
            Assert.Contains("quota", refused.Message, StringComparison.Ordinal);
        }
        foreach (var path in Directory.GetFiles(Path.Combine(home.Home, "manifests"), "*.json", SearchOption.AllDirectories)) File.Delete(path);
        File.SetLastWriteTimeUtc(Assert.Single(home.BlobFiles()), Hour);
        using (var supply = new ModelSupply(options))
        {
            var two = await PullAsync(supply, home, "org/two");
            Assert.EndsWith(two.Files[0].Digest!.Value.Hex, Assert.Single(home.BlobFiles()), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Quota_TwoPullsAtOnce_TheSecondIsRefusedBeforeAnythingIsWritten()
    {
        await using var home = await HubHome.StartAsync();
        foreach (var (name, seed) in new[] { ("one", 1), ("two", 2) })
            home.Hub.Publisher.HuggingFace($"org/{name}", ($"{name}-Q4_0.gguf", home.Model($"{name}.gguf", seed: seed)[0]));
        var size = new FileInfo(home.Scratch.File("one.gguf")).Length;
        var gate = new Gate();
        using var supply = new ModelSupply(new SupplyOptions { Home = home.Home, Sources = home.Sources, QuotaBytes = size * 3 / 2, Fetcher = store => gate.Before(new RangedFetcher(store, new FetchOptions())) });
        var first = PullAsync(supply, home, "org/one");
        await (await Task.WhenAny(first, gate.Entered.Task)); // if it failed before, it says why

        var refused = await Assert.ThrowsAsync<StokerException>(() => PullAsync(supply, home, "org/two"));
        Assert.Equal(ErrorKind.OutOfSpace, refused.Kind);
        Assert.Contains("on their way", refused.Message, StringComparison.Ordinal);
        var same = PullAsync(supply, home, "org/one"); // comes once, so it needs nothing more
        gate.Open.SetResult();
        Assert.Equal((await first).Files[0].Digest, (await same).Files[0].Digest);
        Assert.Single(home.BlobFiles());

        // What a pull had kept is free again after it, whether it came or not.
        await supply.RemoveAsync("org/one", CancellationToken.None);
        await PullAsync(supply, home, "org/two");
    }

    [Fact]
    public void OldestFirst_ChoosesNoMoreThanIsNeeded()
    {
        Evictable One(string name, long size, int age) => new(name, size, DateTimeOffset.UnixEpoch.AddDays(-age), null);
        var policy = new OldestFirst();
        var all = new[] { One("young", 10, 1), One("old", 10, 3), One("middle", 10, 2) };
        Assert.Equal(["old"], policy.Choose(all, 1).Select(static one => one.Name));
        Assert.Equal(["old", "middle"], policy.Choose(all, 11).Select(static one => one.Name));
        Assert.Equal(3, policy.Choose(all, 1000).Count);
        Assert.Empty(policy.Choose(all, 0));
    }

    /// <summary>Lets a fetch begin when the test says so.</summary>
    private sealed class Gate
    {
        internal TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        internal TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal IBlobFetcher Before(IBlobFetcher next) => new Fetcher(this, next);

        private sealed class Fetcher(Gate gate, IBlobFetcher next) : IBlobFetcher
        {
            public async Task<BlobLease> FetchAsync(ManifestFile file, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
            {
                gate.Entered.TrySetResult();
                await gate.Open.Task;
                return await next.FetchAsync(file, session, report, cancellationToken);
            }
        }
    }

    private static Task<ModelManifest> PullAsync(ModelSupply supply, HubHome home, string reference) =>
        supply.PullAsync(ModelReference.Parse(reference, ReferencePlaces.Nowhere), home.Access, new Reports(), TestContext.Current.CancellationToken);
}
