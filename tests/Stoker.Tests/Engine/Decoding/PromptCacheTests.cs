using System.Globalization;
using SessionLab;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Tests.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>What is kept can be found until it is removed, whatever came between.</summary>
public sealed class PromptCacheTests
{
    private static readonly int[] Tokens = SessionBench.Tokens(600, 1);
    private static readonly int[] Prompt = [.. Tokens, .. SessionBench.Tokens(5, 2)];

    [Fact]
    public void Recall_HeldBySomebody_TheNextBestIsTaken_AndItIsFoundAgain()
    {
        using var bench = new SessionBench();
        var (best, next) = (bench.Keep(null, Tokens), bench.Keep(null, Tokens[..300]));
        var cache = Cache(bench);
        using (bench.Open(best))
        {
            using var second = cache.Recall(Prompt, "", 0);
            Assert.Equal(next, second?.Id);
            Assert.Null(cache.Recall(Prompt, "", 0)); // both are open now
        }
        using var found = cache.Recall(Prompt, "", 0);
        Assert.Equal(best, found?.Id);
    }

    [Fact]
    public void Recall_RemovedMeanwhile_TheNextBestIsTaken()
    {
        using var bench = new SessionBench();
        var (best, next) = (bench.Keep(null, Tokens), bench.Keep(null, Tokens[..300]));
        var cache = Cache(bench);
        Assert.Null(cache.Recall(Prompt, "", Tokens.Length)); // has looked by now
        bench.Store.Remove(best);
        using var found = cache.Recall(Prompt, "", 0);
        Assert.Equal(next, found?.Id);
    }

    [Fact]
    public void Recall_OfAnotherModel_IsNotFound()
    {
        using var bench = new SessionBench();
        bench.Keep(null, Tokens);
        var other = new PromptCache(bench.Store, Canary.Identity with { ModelDigest = "sha256:" + new string('b', 64) }, Canary.Layout, canCut: true, 1L << 30);
        Assert.Null(other.Recall(Prompt, "", 0));
    }

    [Fact]
    public async Task Checks_NobodyWaitsForItAnyMore_ItIsFoundAgainAndStillInDoubt()
    {
        using var bench = new SessionBench();
        var id = bench.Keep(null, Tokens);
        var boot = (await File.ReadAllTextAsync("/proc/sys/kernel/random/boot_id", TestContext.Current.CancellationToken)).Trim();
        await File.WriteAllTextAsync(bench.CacheFile(id, "lock"), string.Create(CultureInfo.InvariantCulture, $"{boot} 1 0"), TestContext.Current.CancellationToken);
        var cache = Cache(bench);
        using var checks = new SessionChecks(cache.Close);
        checks.Begin(new GenerationRequest { Tokens = Prompt }, new LoopRig.Listener { Cancelled = new CancellationToken(canceled: true) }, cache.Recall(Prompt, "", 0)!);
        SessionChecks.Reading? ended;
        while (!checks.TryTake(out ended)) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.ThrowsAny<OperationCanceledException>(ended.Take);

        using var again = cache.Recall(Prompt, "", 0);
        Assert.Equal((id, 0), (again?.Id, again?.Doubt));
    }

    private static PromptCache Cache(SessionBench bench) => new(bench.Store, Canary.Identity, Canary.Layout, canCut: true, quotaBytes: 1L << 30);
}
