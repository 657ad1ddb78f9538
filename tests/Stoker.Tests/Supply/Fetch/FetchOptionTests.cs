using System.Security.Cryptography;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>What a downloader should offer (X23): proxy, authority, rate, progress; the token is HuggingFaceTests', the rest the scenarios'.</summary>
public sealed class FetchOptionTests
{
    [Fact] // a proxy that wants a password, and behind it a hub whose authority is our own
    public async Task Proxy_WithAPassword_CarriesAllRangesOfAnHttpsOrigin()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { Tls = true, TlsNames = ["far.example"] });
        var content = home.Publish("f.bin");
        await using var proxy = new RelayProxy("ann", "p:w d", new Uri(home.Hub.Url).Port);
        var authority = Path.Combine(home.Home, "ca.pem");
        await File.WriteAllTextAsync(authority, home.Hub.CaPem);
        var behind = home.Described("f.bin", content) with { Origins = [new Uri("https://far.example/files/f.bin")] };
        home.Sources = home.Sources with { Resolve = static (_, _) => throw new InvalidOperationException("the proxy resolves names") };

        home.Access = new SourceAccess { CaFile = authority, Proxy = SourceAccess.ParseProxy($"http://ann:p%3Aw%20d@127.0.0.1:{proxy.Port}") };
        await home.AssertFetchesAsync(behind, content);
        Assert.All(proxy.Targets, static target => Assert.Equal("far.example:443", target));
        Assert.NotEmpty(proxy.Targets);

        home.Access = home.Access with { Proxy = SourceAccess.ParseProxy($"http://ann:wrong@127.0.0.1:{proxy.Port}") };
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(behind with { Digest = null }));
        Assert.Equal(ErrorKind.Network, refused.Kind);
        Assert.DoesNotContain("wrong@", refused.Message);
    }

    [Fact] // what the owner types may point anywhere; over plain http the digest alone tells whose bytes they are
    public async Task PlainHttp_ToAnotherHost_ComesWithADigestAndNeverWithoutOneOrForAStranger()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 100_000);
        await using var proxy = new RelayProxy("ann", "pw", new Uri(home.Hub.Url).Port);
        home.Access = new SourceAccess { Proxy = SourceAccess.ParseProxy($"http://ann:pw@127.0.0.1:{proxy.Port}") };
        var request = new FileRequest { Addresses = [new Uri("http://plain.example/files/f.bin")] };
        using var supply = new FileSupply(home.Home, home.Options, home.Sources);
        foreach (var (digest, trust) in new[] { ((Digest?)null, CallerTrust.Owner), (Digest.FromBytes(SHA256.HashData(content)), CallerTrust.Group) })
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(() => FetchAsync(digest, trust));
            Assert.Equal(ErrorKind.Forbidden, refused.Kind);
            Assert.Contains("--sha256", refused.Message, StringComparison.Ordinal);
        }
        Assert.Empty(proxy.Targets);

        var wrong = await Assert.ThrowsAnyAsync<StokerException>(() => FetchAsync(Digest.FromBytes(new byte[32]), CallerTrust.Owner));
        Assert.Equal(ErrorKind.Corrupt, wrong.Kind);
        var file = await FetchAsync(Digest.FromBytes(SHA256.HashData(content)), CallerTrust.Owner);
        Assert.Equal(content.Length, file.SizeBytes);
        Assert.Contains("http://plain.example/files/f.bin", proxy.Targets);

        Task<FetchedFile> FetchAsync(Digest? digest, CallerTrust trust) =>
            supply.FetchAsync(request with { Digest = digest }, home.Access with { Trust = trust }, static _ => { }, TestContext.Current.CancellationToken);
    }

    [Theory] // E5 38
    [InlineData(1, 1)]
    [InlineData(8, 2)]
    public async Task RateLimit_HoldsWithin10PercentOverAllConnectionsAndDownloads(int workers, int downloads)
    {
        await using var home = await FetchHome.StartAsync();
        const int rate = 10_000_000, bytes = 48_000_000;
        var time = new SkippedTime();
        home.Options = home.Options with { Workers = workers, Rate = new TokenBucket(rate, time) };
        var began = time.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, downloads).Select(async number =>
        {
            var content = home.Publish($"{number}.bin", bytes / downloads, seed: number);
            await home.AssertBytesAsync($"{number}.bin", content);
        }));
        Assert.InRange(bytes / time.GetElapsedTime(began).TotalSeconds, rate * 0.9, rate * 1.1);
    }

    [Fact]
    public async Task RateLimit_SoLowThatEachConnectionWaitsLongerThanAStall_NoConnectionIsGivenUp()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 8 * Chunk.SizeBytes);
        home.Options = home.Options with { Workers = 8, Rate = new TokenBucket(2048, TimeProvider.System), Retry = new RetryOptions { StallTimeout = TimeSpan.FromSeconds(3) } };
        using var enough = new CancellationTokenSource();
        using var session = new SourceSession(home.Access, home.Sources);
        // Eight connections read 1 KiB each in turn: four seconds between the reads of one. At 12 KiB each has waited once.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new RangedFetcher(home.Store, home.Options).FetchAsync(
            home.Described("f.bin", content), session, report => { if (report.DoneBytes > 12 << 10) enough.Cancel(); }, enough.Token));
        Assert.InRange(home.Hub.Stats.Count("f.bin"), 8, 9);
    }

    [Fact]
    public async Task Progress_TellsAllAlongAndEndsWhole()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 6_000_000 });
        var content = home.Publish("f.bin");
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        var reports = home.Reports.ToList();
        Assert.True(reports.Count >= 4, $"{reports.Count} reports"); // some seconds, four a second
        Assert.All(reports, report => Assert.Equal(content.Length, report.TotalBytes));
        Assert.All(reports, report => Assert.InRange(report.DoneBytes, 0, content.Length));
        Assert.True(reports.Select(static report => report.DoneBytes).Distinct().Count() >= 4, "bytes within a chunk are told too");
        Assert.Equal(content.Length, reports[^1].DoneBytes);
    }

    [Fact] // every request says who asks
    public async Task UserAgent_IsOurs()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.All(home.Hub.Stats.Requests, static request => Assert.StartsWith("stoker/", request.UserAgent, StringComparison.Ordinal));
    }
}
