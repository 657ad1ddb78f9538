using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Tests.Supply.Fetch;

namespace Stoker.Tests.Supply;

/// <summary>Whatever lands in the store counts, however it came, and is refused before it is written.</summary>
public sealed class StoreQuotaTests
{
    private const int Bytes = (2 * Chunk.SizeBytes) + 99;
    private const long Quota = Bytes * 3L / 2;

    [Fact]
    public async Task Fetch_BeyondTheQuota_IsRefused_UntilWhatNobodyNeedsMayGo()
    {
        await using var home = await FetchHome.StartAsync();
        using var supply = new FileSupply(home.Home, home.Options, home.Sources, Quota);
        await FetchAsync(home, supply, "a.bin");
        var first = Assert.Single(home.BlobFiles());

        await AssertRefusedAsync(() => FetchAsync(home, supply, "b.bin"));
        File.SetLastWriteTimeUtc(first, DateTime.UtcNow.AddHours(-2)); // another process' pull may still need it
        await AssertRefusedAsync(() => FetchAsync(home, supply, "b.bin"));
        Assert.Equal([first], home.BlobFiles());
        Assert.Empty(home.PartialFiles());

        File.SetLastWriteTimeUtc(first, DateTime.UtcNow.AddDays(-2));
        var second = await FetchAsync(home, supply, "b.bin");
        Assert.Equal([second.Path], home.BlobFiles());
        await FetchAsync(home, supply, "b.bin"); // what is here needs nothing
    }

    [Fact]
    public async Task Fetch_TwoProcessesAtOnce_DoNotFindTheSameRoom()
    {
        await using var home = await FetchHome.StartAsync();
        var ended = await Task.WhenAll(Enumerable.Range(0, 4).Select(async number =>
        {
            using var supply = new FileSupply(home.Home, home.Options, home.Sources, Quota);
            try
            {
                return (await FetchAsync(home, supply, $"{number}.bin", seed: number)).Path;
            }
            catch (StokerException refused) when (refused.Kind == ErrorKind.OutOfSpace)
            {
                return null;
            }
        }));
        Assert.Equal(home.BlobFiles(), ended.OfType<string>());
        Assert.Single(home.BlobFiles());
        Assert.Empty(home.PartialFiles());
    }

    [Fact]
    public async Task Fetch_OfALengthThatNobodySaid_EndsAtTheQuotaAndLeavesNothing()
    {
        await using var home = await FetchHome.StartAsync();
        home.Hub.Faults.Add(new HubFault { Path = "/files/", Chunked = true, IgnoreRange = true });
        using var supply = new FileSupply(home.Home, home.Options, home.Sources, Chunk.SizeBytes / 2);
        await AssertRefusedAsync(() => FetchAsync(home, supply, "a.bin"));
        Assert.Empty(home.BlobFiles());
        Assert.Empty(home.PartialFiles());
        using var large = new FileSupply(home.Home, home.Options, home.Sources, Quota);
        await FetchAsync(home, large, "a.bin");
    }

    [Fact]
    public async Task Pull_OfAnAddressWhoseSizeNobodySaid_IsRefusedWhenItIsKnown()
    {
        await using var home = await HubHome.StartAsync();
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(home.Hub.Content.Root, "files")).FullName, "m-Q4_0.gguf");
        File.Copy(home.Model("m.gguf")[0], path);
        using var small = new ModelSupply(new SupplyOptions { Home = home.Home, Sources = home.Sources, QuotaBytes = new FileInfo(path).Length - 1 });
        await AssertRefusedAsync(() => PullAsync(small, $"{home.Hub.Url}files/m-Q4_0.gguf"));
        using var enough = new ModelSupply(new SupplyOptions { Home = home.Home, Sources = home.Sources, QuotaBytes = new FileInfo(path).Length });
        await PullAsync(enough, $"{home.Hub.Url}files/m-Q4_0.gguf");

        Task<ModelManifest> PullAsync(ModelSupply supply, string reference) =>
            supply.PullAsync(ModelReference.Parse(reference, ReferencePlaces.Nowhere), home.Access, new Reports(), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Adopted_FromThisMachine_CountsBeforehand()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", Bytes);
        using var theirs = new TempFolder();
        var file = home.Described("f.bin", content);
        Directory.CreateDirectory(theirs.File("blobs"));
        File.WriteAllBytes(theirs.File($"blobs/sha256-{file.Digest!.Value.Hex}"), content);
        var access = home.Access with { OllamaModels = theirs.Path };
        var request = new FileRequest { Addresses = file.Origins, Digest = file.Digest };

        using var small = new FileSupply(home.Home, home.Options, home.Sources, Bytes - 1);
        await AssertRefusedAsync(() => small.FetchAsync(request, access, static _ => { }, TestContext.Current.CancellationToken));
        Assert.Empty(home.BlobFiles());
        Assert.Empty(home.PartialFiles());
        using var enough = new FileSupply(home.Home, home.Options, home.Sources, Bytes);
        await enough.FetchAsync(request, access, static _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal(0, home.SentBytes);
    }

    private static Task<FetchedFile> FetchAsync(FetchHome home, FileSupply supply, string name, int? seed = null)
    {
        home.Publish(name, Bytes, seed ?? name[0]);
        return supply.FetchAsync(new FileRequest { Addresses = [home.Address(name)] }, home.Access, static _ => { }, TestContext.Current.CancellationToken);
    }

    private static async Task AssertRefusedAsync(Func<Task> fetch)
    {
        var refused = await Assert.ThrowsAnyAsync<StokerException>(fetch);
        Assert.Equal(ErrorKind.OutOfSpace, refused.Kind);
        Assert.Contains("store.quota", refused.Message, StringComparison.Ordinal);
    }
}
