using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>What Loom got wrong (X1 to X29), and the faults of origins, over real sockets.</summary>
public sealed class FetchFaultTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(123, true)]
    [InlineData(Chunk.SizeBytes, false)]
    [InlineData(Chunk.SizeBytes + 1, true)]
    [InlineData(FetchHome.DefaultBytes, false)]
    [InlineData(FetchHome.DefaultBytes, true)]
    public async Task Fetch_SoundOrigin_GivesTheBytesOnceAndTheMap(int bytes, bool withDigest)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", bytes);
        await home.AssertFetchesAsync(home.Described("f.bin", withDigest ? content : null), content);
        Assert.Equal(bytes, home.SentBytes);
        Assert.All(home.Hub.Stats.Requests, static request => Assert.Equal("GET", request.Method)); // X10: HEAD is never needed
        Assert.Equal(bytes, home.Reports.Last().DoneBytes);
    }

    [Fact]
    public async Task Fetch_EmptyFile_IsAnEmptyBlob()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("empty", 0);
        await home.AssertFetchesAsync(home.Described("empty"), content);
    }

    [Theory] // X1
    [InlineData(404, ErrorKind.NotFound)]
    [InlineData(410, ErrorKind.NotFound)]
    [InlineData(403, ErrorKind.Forbidden)]
    [InlineData(401, ErrorKind.Unauthorized)]
    public async Task Fetch_RefusedForGood_FailsAtOnceAndKeepsNothing(int status, ErrorKind kind)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Status = status });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Equal(kind, failed.Kind);
        Assert.Single(home.Hub.Stats.Requests);
        Assert.Empty(home.BlobFiles());
    }

    [Theory] // X2, X7, X8 and the rest of what passes
    [InlineData("500")]
    [InlineData("502")]
    [InlineData("drop")]
    [InlineData("cut")]
    [InlineData("short")]
    public async Task Fetch_PassingFault_IsRetriedAndRight(string fault)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var hit = new HubFault { Path = "/files/f.bin", Skip = 1, Times = 2 };
        home.Hub.Faults.Add(fault switch
        {
            "drop" => hit with { Drop = true },
            "cut" => hit with { CutAfterBytes = 3_000_000 },
            "short" => hit with { ShortBodyBytes = 1_000_000 },
            _ => hit with { Status = int.Parse(fault) },
        });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    [Fact] // a cut costs what was under way, not the chunk
    public async Task Fetch_CutBody_GoesOnFromTheByteWhereItEnded()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", Chunk.SizeBytes);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 3, CutAfterBytes = 2_000_000 });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Contains(home.Hub.Stats.Requests, static request => request.Range is { } range && !range.StartsWith("bytes=0-", StringComparison.Ordinal));
    }

    [Theory] // X2, X9: for ever
    [InlineData("500")]
    [InlineData("cut")]
    [InlineData("drop")]
    public async Task Fetch_LastingFaultOfOneRange_FailsAndGoesOnLater(string fault)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Options = home.Options with { Retry = home.Options.Retry! with { FirstDelay = TimeSpan.FromMilliseconds(300) } };
        var first = (long)Chunk.SizeBytes;
        foreach (var start in new[] { first, first + 1_000_000, first + 2_000_000, first + 3_000_000, first + 4_000_000 })
        {
            var hit = new HubFault { Path = "/files/f.bin", RangeStart = start };
            home.Hub.Faults.Add(fault switch { "cut" => hit with { CutAfterBytes = 0 }, "drop" => hit with { Drop = true }, _ => hit with { Status = 500 } });
        }
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Contains("4 times", failed.Message);
        Assert.Empty(home.BlobFiles());

        home.Hub.Faults.Clear();
        var before = home.SentBytes;
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.True(home.SentBytes - before < content.Length, "the second pull went on from the first");
    }

    [Theory] // X3
    [InlineData(429)]
    [InlineData(503)]
    public async Task Fetch_Throttled_WaitsAsLongAsAsked(int status)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 1, Times = 1, Status = status, RetryAfter = "1" });
        var began = Stopwatch.GetTimestamp();
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.True(Stopwatch.GetElapsedTime(began) >= TimeSpan.FromSeconds(1));
    }

    [Fact] // X4
    public async Task Fetch_RangesIgnored_OneStreamOnce()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", IgnoreRange = true });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.Equal(content.Length, home.SentBytes);
        Assert.Single(home.Hub.Stats.Requests);
    }

    [Fact]
    public async Task Fetch_RangesIgnoredAndCut_BeginsAgain()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 3_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 1, IgnoreRange = true, CutAfterBytes = 1_000_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", IgnoreRange = true });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    [Theory] // X5: never mixed
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fetch_ContentChangesOnTheWay_RestartsWithTheNew(bool sameSize)
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("f.bin");
        var gate = new HubGate(1_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 1, Gate = gate, CutAfterBytes = 1_500_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gate = gate }); // whoever finds the first too slow and asks again waits too
        var file = home.Described("f.bin");
        home.Options = home.Options with { Workers = 1 };
        var fetching = home.FetchAsync(file);
        await gate.Reached;
        var changed = new byte[FetchHome.DefaultBytes + (sameSize ? 0 : 5_000)];
        new Random(2).NextBytes(changed);
        home.Write("f.bin", changed);
        gate.Open();
        using var lease = await fetching;
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(changed));
    }

    [Fact]
    public async Task Fetch_NewETagOnEveryAnswer_GivesUpAndSaysWhy()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", ChangingETag = true });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content, withDigest: false)));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Empty(home.BlobFiles());
    }

    [Theory] // X6 and 206 that lies
    [InlineData("start")]
    [InlineData("total")]
    public async Task Fetch_WrongContentRange_IsRefused(string what)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var hit = new HubFault { Path = "/files/f.bin", Skip = 1 };
        home.Hub.Faults.Add(what == "start" ? hit with { ContentRangeShift = 1 } : hit with { ContentRangeTotalShift = 7 });
        await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Empty(home.BlobFiles());
    }

    [Theory]
    [InlineData(long.MaxValue - (1L << 32))]
    [InlineData(1L << 50)]
    public async Task Fetch_OfASizeThatNothingHas_IsRefusedBeforeAnythingIsMadeForIt(long more)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", ContentRangeTotalShift = more });
        var answered = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin")));
        var announced = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content) with { SizeBytes = more }));
        Assert.Equal((ErrorKind.TooLarge, ErrorKind.TooLarge), (answered.Kind, announced.Kind));
        Assert.Empty(home.BlobFiles());
    }

    [Fact]
    public async Task Fetch_LongBody_IsRefusedOrCutToWhatWasAsked()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 1, LongBodyBytes = 100 });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    [Fact]
    public async Task Fetch_WholeLongerThanAnnounced_IsRefused()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 1_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", IgnoreRange = true, LongBodyBytes = 100 });
        await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Empty(home.BlobFiles());
    }

    [Theory] // X11
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fetch_ChunkedWithoutLength_IsRight(bool ignoresRange)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Chunked = true, IgnoreRange = ignoresRange });
        await home.AssertFetchesAsync(home.Described("f.bin"), content);
    }

    [Fact]
    public async Task Fetch_GzippedThoughNotAsked_IsUnpacked()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 3_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gzip = true, IgnoreRange = true });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    [Fact]
    public async Task Fetch_GzippedParts_AreRefused()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gzip = true });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Contains("compressed", failed.Message);
    }

    [Fact]
    public async Task Fetch_LoginPageWith200_IsRefused()
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", HtmlPage = true });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin")));
        Assert.Contains("web page", failed.Message);
        Assert.Empty(home.BlobFiles());
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(-1L)]
    [InlineData((long)Chunk.SizeBytes)]
    [InlineData(Chunk.SizeBytes - 1L)]
    public async Task Fetch_FlippedBit_IsCorruptAndNothingIsKept(long at)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", FlipBitAt = at });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Equal(ErrorKind.Corrupt, failed.Kind);
        Assert.Empty(home.BlobFiles());
        Assert.Empty(home.PartialFiles());
    }

    [Fact] // X20
    public async Task Fetch_StalledConnection_IsOpenedAnew()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Options = home.Options with { Retry = home.Options.Retry! with { StallTimeout = TimeSpan.FromMilliseconds(600) } };
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 2, StallAfterBytes = 500_000 });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    [Fact]
    public async Task Fetch_StalledForEver_IsATimeout()
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("f.bin");
        home.Options = home.Options with { Retry = home.Options.Retry! with { StallTimeout = TimeSpan.FromMilliseconds(300) } };
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", StallAfterBytes = 0 });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin")));
        Assert.Equal(ErrorKind.Timeout, failed.Kind);
    }

    [Fact] // X7
    public async Task Fetch_RefusedConnection_IsRetriedThenNetwork()
    {
        await using var home = await FetchHome.StartAsync();
        // Taken, and nobody listens.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        var file = home.Described("f.bin") with { Origins = [new Uri($"http://127.0.0.1:{port}/f.bin")] };
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(file));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Contains("4 times", failed.Message);
    }

    [Fact] // X27: the first final failure ends the rest at once
    public async Task Fetch_FinalFailure_CancelsTheOtherConnections()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RangeStart = 0, RateBytesPerSecond = 20_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Status = 404 });
        var began = Stopwatch.GetTimestamp();
        await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(60)); // the slow one would take seven minutes
    }

    [Fact] // X28: written once
    public async Task Fetch_BytesWritten_AreTheFilesSizeOnce()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        long written = 0;
        home.Options = home.Options with { OnDisk = disk => new CountingDisk(disk, bytes => Interlocked.Add(ref written, bytes)) };
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.InRange(written, content.Length, content.Length + 4096); // and the journal
    }

    [Theory] // X24
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    public async Task Fetch_FixedWorkers_AreHonoured(int workers)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 20 * Chunk.SizeBytes);
        home.Options = home.Options with { Workers = workers };
        var gate = new HubGate(1_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gate = gate });
        var fetching = home.AssertFetchesAsync(home.Described("f.bin", content), content);
        await Patience.UntilAsync(() => home.Hub.Stats.AtOnce >= workers || fetching.IsCompleted, "there are fewer connections");
        gate.Open();
        await fetching;
        // Each may ask for its next range while the last one ends.
        Assert.InRange(home.Hub.Stats.MostAtOnce, workers, 2 * workers);
    }

    [Fact] // X29, and 403 on an address that expired
    public async Task Fetch_Redirect_IsResolvedOnceAndAgainWhenItExpires()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("real.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/moved.bin", RedirectTo = $"{home.Hub.ContentUrl}files/real.bin?signature=1" });
        home.Hub.Faults.Add(new HubFault { Path = "/files/real.bin", Skip = 2, Times = 1, Status = 403 });
        await home.AssertFetchesAsync(home.Described("moved.bin", content), content);
        Assert.Equal(2, home.Hub.Stats.Count("/files/moved.bin"));
    }

    [Fact]
    public async Task Fetch_CrawlingConnection_IsOpenedAnew()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 8 * Chunk.SizeBytes);
        home.Options = home.Options with { Workers = 2 };
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RangeStart = 0, Times = 1, RateBytesPerSecond = 1000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RateBytesPerSecond = 8_000_000 });
        var began = Stopwatch.GetTimestamp();
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2)); // the crawling one would take two hours
    }

    private sealed class CountingDisk(IPartialContent inner, Action<int> wrote) : DiskAround(inner)
    {
        public override void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            base.Write(bytes, offset);
            wrote(bytes.Length);
        }
    }
}
