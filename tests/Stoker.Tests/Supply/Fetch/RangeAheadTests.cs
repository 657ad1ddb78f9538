using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>The next range is asked for while the last one still comes, where the wait for a first byte would be felt.</summary>
public sealed class RangeAheadTests
{
    [Theory]
    [InlineData(10_000_000, 100e6, 150.0, true)] // 100 ms left, 150 ms to a first byte
    [InlineData(20_000_000, 100e6, 150.0, false)]
    [InlineData(100_000, 100e6, 19.0, false)] // not worth a second connection
    [InlineData(100_000, 0.0, 150.0, false)] // nobody knows yet how fast it is
    [InlineData(100_000, 100e6, null, false)]
    public void IsTimeToAskAhead_Table(long leftBytes, double bytesPerSecond, double? latencyMs, bool due) =>
        Assert.Equal(due, RangePlanner.IsTimeToAskAhead(leftBytes, bytesPerSecond, latencyMs));

    [Fact]
    public async Task Fetch_FarOrigin_TheNextRangeIsOpenBeforeTheLastOneEnds()
    {
        await using var home = await FarAsync();
        var content = home.Publish("f.bin", 16 * Chunk.SizeBytes);
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        // Four chunks a range: asked for when a good part of those before it was still to come.
        var wasAhead = home.Hub.Stats.Requests.Select(static (request, number) => number > 1 && request.SentBefore < (number * 4L * Chunk.SizeBytes) - (1 << 20));
        Assert.Contains(true, wasAhead);
        Assert.InRange(home.Hub.Stats.MostAtOnce, 1, 2); // one worker receives one answer at a time; what is ahead fills no more than a socket's buffer
        Assert.Equal(content.Length, home.Hub.Stats.ContentBytes); // nothing twice
        Assert.Equal(64, home.Options.Connections.CurrentCount); // every slot is given back
    }

    [Theory]
    [InlineData(503)]
    [InlineData(404)]
    public async Task Fetch_AnswerAheadIsRefusedOnce_IsAskedForAgainWhenItIsNeeded(int status)
    {
        await using var home = await FarAsync();
        var content = home.Publish("f.bin", 16 * Chunk.SizeBytes);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 2, Times = 1, Status = status });
        // What counts as a failure waits longer than this test.
        home.Options = home.Options with { Retry = new RetryOptions { FirstDelay = TimeSpan.FromMinutes(10) } };
        await home.AssertFetchesAsync(home.Described("f.bin", content), content).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Equal(2, AskedAt(home, 8)); // four chunks a range: the third is the first that a refusal can meet ahead
        Assert.Equal(content.Length, home.Hub.Stats.ContentBytes);
        Assert.Equal(64, home.Options.Connections.CurrentCount);
    }

    [Fact]
    public async Task Fetch_AnswerAheadIsTheWholeFile_IsClosedAndAskedForAgain()
    {
        await using var home = await FarAsync();
        var content = home.Publish("f.bin", 16 * Chunk.SizeBytes);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 2, Times = 1, IgnoreRange = true });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Equal((1, 2), (AskedAt(home, 0), AskedAt(home, 8))); // it does not begin anew for it
        Assert.Equal(64, home.Options.Connections.CurrentCount);
    }

    [Fact]
    public async Task Fetch_CutWhileTheNextIsOpen_LeavesNothingOpenAndGoesOn()
    {
        await using var home = await FarAsync();
        var content = home.Publish("f.bin", 16 * Chunk.SizeBytes);
        // The second range is cut near its end, when the third has been asked for.
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RangeStart = Chunk.Offset(4), Times = 1, CutAfterBytes = (4 * Chunk.SizeBytes) - 100_000 });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Equal(2, AskedAt(home, 8)); // ahead, and again after what the cut left
        Assert.Equal(64, home.Options.Connections.CurrentCount);
    }

    [Fact]
    public async Task Fetch_CancelledOrOneConnectionInAll_GivesItsSlotsBack()
    {
        await using var home = await FarAsync();
        var content = home.Publish("f.bin", 16 * Chunk.SizeBytes);
        using var connections = new SemaphoreSlim(1, 1);
        home.Options = home.Options with { Connections = connections };
        using var stop = new CancellationTokenSource();
        var gate = new HubGate(1); // four chunks a range: it is not over before the third
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 2, Gate = gate });
        var fetch = home.FetchAsync(home.Described("f.bin", content), stop.Token);
        await Patience.UntilAsync(() => home.Hub.Stats.ContentBytes >= 5 * Chunk.SizeBytes, "nothing is fetched");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
        Assert.Equal(1, connections.CurrentCount);
        await Patience.UntilAsync(() => home.Hub.Stats.AtOnce == 0, "an answer goes on that nobody wants");
        home.Hub.Faults.Clear();
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Equal(1, connections.CurrentCount);
        Assert.Equal(1, home.Hub.Stats.MostAtOnce);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fetch_LeavesPageCache_OnlyWhenItIsToldTo(bool leaves)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 7 * Chunk.SizeBytes);
        var left = new List<long>();
        home.Options = home.Options with { LeavesPageCache = leaves, OnDisk = inner => new LeavingDisk(inner, left) };
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Equal(leaves ? [0L, Chunk.Offset(1), Chunk.Offset(2)] : [], left); // the last four stay for the sync
    }

    [Fact]
    public async Task Fetch_WhatIsHere_LoadsNothingForTheNetwork()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        // Whoever opened a secure connection would read the authorities first.
        home.Access = home.Access with { CaFile = "/absent.pem" };
        (await home.FetchAsync(Secure(home.Described("f.bin", content)))).Dispose();
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(Secure(home.Described("other.bin"))));
        Assert.Contains("/absent.pem", refused.Message, StringComparison.Ordinal);

        static ManifestFile Secure(ManifestFile file) => file with { Origins = [new UriBuilder(file.Origins[0]) { Scheme = Uri.UriSchemeHttps }.Uri] };
    }

    private static int AskedAt(FetchHome home, int chunk) => home.Hub.Stats.Requests.Count(request => request.Range?.StartsWith($"bytes={Chunk.Offset(chunk)}-", StringComparison.Ordinal) == true);

    private static async Task<FetchHome> FarAsync()
    {
        var home = await FetchHome.StartAsync(static options => options with { FirstByteDelayMs = 250, RateBytesPerSecond = 60_000_000 });
        home.Options = home.Options with { Workers = 1 };
        return home;
    }

    private sealed class LeavingDisk(IPartialContent inner, List<long> left) : DiskAround(inner)
    {
        public override void LeavePageCache(long offset, long length)
        {
            lock (left) left.Add(offset);
            base.LeavePageCache(offset, length);
        }
    }
}
