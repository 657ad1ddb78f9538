using System.Text;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Runners;

/// <summary>Conversations without a name through real runner processes: what a prompt begins with is not computed twice.</summary>
public sealed class PromptCacheTests : IDisposable
{
    private const string Opening = "Once upon a time there was a program that kept every conversation where it could be found again, and the next morning";

    private readonly RunnerBench _bench = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("tiny")]
    [InlineData("gemma3t")]
    [InlineData("granitet")]
    public async Task AfterAKill_TheSamePrefix_IsThere_AndComputesWhatNeverStoppedDoes(string shape)
    {
        var whole = await LoadedAsync(shape, "whole");
        await SayAsync(whole, Opening);
        var expected = await SayAsync(whole, Opening + " it went on.");
        await whole.DisposeAsync();

        var first = await LoadedAsync(shape, "cut");
        await SavedAsync("cut", await SayAsync(first, Opening));
        await RunnerBench.KillAsync(first);
        await using var second = await LoadedAsync(shape, "cut");
        Assert.Equal(0, (await SayAsync(second, Opening + " it went on.", scope: "other")).Usage.CachedTokens);
        var got = await SayAsync(second, Opening + " it went on.");

        Assert.Equal(expected.Usage.CachedTokens, got.Usage.CachedTokens);
        Assert.InRange(got.Usage.CachedTokens, 60, got.Usage.PromptTokens - 1);
        Assert.Equal(expected.Hashes, got.Hashes);
        Assert.Empty(_bench.Store("cut").List());
    }

    [Fact]
    public async Task Closed_IsFoundAgain_AndTwoThatBeginAlike_BothAreKept()
    {
        await using var runner = await LoadedAsync("tiny", "alike");
        await SayAsync(runner, Opening + " the sun rose.");
        await SayAsync(runner, Opening + " it rained for hours and hours on the whole of the town.");
        await runner.CloseSessionAsync(null, null, _cancellation);
        Assert.Equal(2, _bench.Store("alike").ListCache().Count(static kept => kept.State == SessionState.Idle));

        var got = await SayAsync(runner, Opening + " it rained for hours and hours on the whole of the town. Then it stopped.");
        Assert.InRange(got.Usage.CachedTokens, Opening.Length + 40, got.Usage.PromptTokens - 1);
    }

    [Fact]
    public async Task KilledInTheMiddle_CellsInDoubtAreReadFirst_AndDamageIsComputedAgain()
    {
        var first = await LoadedAsync("tiny", "doubt");
        await SavedAsync("doubt", await SayAsync(first, Opening));
        await RunnerBench.KillAsync(first);
        var kept = Assert.Single(_bench.Store("doubt").ListCache());
        var folder = Path.Combine(_bench.Sessions("doubt"), "cache", kept.Id);
        // As if it had been killed while it was written to, and some of it had gone wrong.
        await File.WriteAllTextAsync(Path.Combine(folder, "lock"), $"{(await File.ReadAllTextAsync("/proc/sys/kernel/random/boot_id", _cancellation)).Trim()} 1 0", _cancellation);
        using (var file = File.OpenHandle(Path.Combine(folder, "kv-1"), FileMode.Open, FileAccess.Write)) RandomAccess.Write(file, new byte[4096], 0);

        await using var second = await LoadedAsync("tiny", "doubt");
        var got = await SayAsync(second, Opening);
        await using var whole = await LoadedAsync("tiny", "whole");
        Assert.Equal((await SayAsync(whole, Opening)).Hashes, got.Hashes);
        Assert.Equal(0, got.Usage.CachedTokens);
    }

    [Fact]
    public async Task Off_NothingStays_AndAQuotaIsKept()
    {
        var small = await LoadedAsync("tiny", "quota", cacheBytes: 1);
        await SayAsync(small, Opening);
        await SayAsync(small, "Something quite different that is as long as the other, so that nothing of it is the same at all.");
        await small.CloseSessionAsync(null, null, _cancellation);
        await EmptyAsync("quota");
        await small.DisposeAsync();
        await using var off = await LoadedAsync("tiny", "off", cacheBytes: 0);
        await SayAsync(off, Opening);
        Assert.False(Directory.Exists(Path.Combine(_bench.Sessions("off"), "cache")));
    }

    [Theory]
    [InlineData(KvMode.Ssd, 1)]
    [InlineData(KvMode.Ram, 1)] // who cannot have it now does not keep what another had
    [InlineData(KvMode.Ssd, 0)]
    public async Task Lowered_TheNextLoadKeepsNoMore(KvMode kv, long cacheBytes)
    {
        var before = await LoadedAsync("tiny", "lowered");
        await SayAsync(before, Opening);
        await before.CloseSessionAsync(null, null, _cancellation);
        await before.DisposeAsync();
        Assert.Single(_bench.Store("lowered").ListCache());
        await using var after = await _bench.LoadedAsync("tiny", "lowered", command => command with { Kv = kv, PromptCacheBytes = cacheBytes });
        await EmptyAsync("lowered");
    }

    [Fact]
    public async Task Rested_LeavesItsSlot_AndComesBackAsItWas()
    {
        await using var whole = await LoadedAsync("tiny", "whole");
        await SayAsync(whole, Opening);
        var expected = await SayAsync(whole, Opening + " it went on.");

        await using var runner = await LoadedAsync("tiny", "idle", idleAfterMs: 50);
        await SayAsync(runner, Opening);
        await UntilAsync(() => !File.ReadAllText($"/proc/{runner.ProcessId}/maps").Contains("/cache/", StringComparison.Ordinal));
        var got = await SayAsync(runner, Opening + " it went on.");
        Assert.Equal(expected.Usage.CachedTokens, got.Usage.CachedTokens);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    private async Task SavedAsync(string name, RunnerBench.Said said)
    {
        var cells = said.Usage.PromptTokens + said.Usage.GeneratedTokens - 1;
        await UntilAsync(() => _bench.Store(name).ListCache().Any(kept => kept.Cells == cells));
        // Saved, and at rest a moment later.
        await UntilAsync(() => _bench.Store(name).ListCache().Any(kept => LockOf(name, kept.Id).EndsWith($" {cells}", StringComparison.Ordinal)));
    }

    private string LockOf(string name, string id)
    {
        using var file = Files.OpenWithoutLock(Path.Combine(_bench.Sessions(name), "cache", id, "lock"));
        var bytes = new byte[200];
        return Encoding.ASCII.GetString(bytes, 0, RandomAccess.Read(file, bytes, 0)).Trim();
    }

    private async Task EmptyAsync(string name)
    {
        await UntilAsync(() => _bench.Store(name).ListCache().Count == 0);
    }

    private async Task UntilAsync(Func<bool> isSo)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        while (!isSo()) await Task.Delay(10, patience.Token);
    }

    private static Task<RunnerBench.Said> SayAsync(Runner runner, string text, string scope = "") => RunnerBench.SayAsync(runner, new GenerationRequest
    {
        Text = text, Scope = scope, MaxTokens = 24, IgnoreEos = true, LogitHashes = true, ReusePrefix = true, Sampling = new SamplingOptions { Temperature = 0 },
    });

    private Task<Runner> LoadedAsync(string shape, string sessions, long cacheBytes = 1L << 30, long? idleAfterMs = null) =>
        _bench.LoadedAsync(shape, sessions, command => command with { ContextTokens = 2048, PromptCacheBytes = cacheBytes, IdleAfterMs = idleAfterMs });
}
