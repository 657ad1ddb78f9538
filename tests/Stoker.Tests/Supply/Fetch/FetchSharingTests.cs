using System.Diagnostics;
using System.Security.Cryptography;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>Several places, one rate, what is kept and what is fetched again.</summary>
public sealed class FetchSharingTests
{
    [Fact]
    public async Task Mirrors_BothGiveBytes()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 20_000_000 });
        var content = home.Publish("a.bin", 8 * Chunk.SizeBytes);
        home.Write("b.bin", content);
        var file = home.Described("a.bin", content) with { Origins = [home.Address("a.bin"), home.Address("b.bin")] };
        // Neither may do all of it before the other has begun.
        var (first, second) = (new HubGate(1_000_000), new HubGate(1_000_000));
        home.Hub.Faults.Add(new HubFault { Path = "/files/a.bin", Gate = first });
        home.Hub.Faults.Add(new HubFault { Path = "/files/b.bin", Gate = second });
        var fetching = home.AssertFetchesAsync(file, content);
        await Task.WhenAny(fetching, Task.WhenAll(first.Reached, second.Reached));
        first.Open();
        second.Open();
        await fetching;
        Assert.True(home.Hub.Stats.BytesByContent.GetValueOrDefault("a.bin") > 0);
        Assert.True(home.Hub.Stats.BytesByContent.GetValueOrDefault("b.bin") > 0);
    }

    [Fact] // E5 31
    public async Task LyingMirror_IsDroppedAndNamed_OnlyItsChunksAreFetchedElsewhere()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 40_000_000 });
        var content = home.Publish("good.bin", 8 * Chunk.SizeBytes);
        var lying = content.ToArray();
        for (var at = 0; at < lying.Length; at += Chunk.SizeBytes) lying[at] ^= 1;
        home.Write("bad.bin", lying);
        var file = home.Described("good.bin", content) with { Origins = [home.Address("bad.bin"), home.Address("good.bin")] };
        await home.AssertFetchesAsync(file, content);
        Assert.Contains(home.Reports, static report => report.Note?.Contains("bad.bin gave bytes that are not the file's") == true);
    }

    [Fact]
    public async Task LyingMirror_WithAKnownMap_IsCaughtAtItsFirstChunk()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("good.bin", 6 * Chunk.SizeBytes);
        var digest = Digest.FromBytes(SHA256.HashData(content));
        (await home.FetchAsync(home.Described("good.bin", content))).Dispose();
        Assert.True(home.Store.TryRemove(digest)); // its map stays
        home.Hub.Stats.Clear();
        var lying = content.ToArray();
        for (var at = 0; at < lying.Length; at += Chunk.SizeBytes) lying[at] ^= 1;
        home.Write("bad.bin", lying);
        await home.AssertFetchesAsync(home.Described("good.bin", content) with { Origins = [home.Address("bad.bin"), home.Address("good.bin")] }, content);
        Assert.Contains(home.Reports, static report => report.Note?.Contains("bad.bin sent wrong bytes") == true);
    }

    [Fact]
    public async Task SlowMirror_IsDroppedAndNamed()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("fast.bin", 10 * Chunk.SizeBytes);
        home.Write("slow.bin", content);
        home.Options = home.Options with { Workers = 2 };
        home.Hub.Faults.Add(new HubFault { Path = "/files/slow.bin", RateBytesPerSecond = 20_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/fast.bin", RateBytesPerSecond = 8_000_000 });
        var began = Stopwatch.GetTimestamp();
        await home.AssertFetchesAsync(home.Described("fast.bin", content) with { Origins = [home.Address("fast.bin"), home.Address("slow.bin")] }, content);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(3)); // the slow one would take seven minutes for a chunk
        Assert.Contains(home.Reports, static report => report.Note?.Contains("slow.bin is much slower") == true);
    }

    [Fact]
    public async Task DeadMirror_TheOtherDoesIt()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("good.bin");
        await home.AssertFetchesAsync(home.Described("good.bin", content) with { Origins = [home.Address("absent.bin"), home.Address("good.bin")] }, content);
    }

    [Theory] // whoever does not answer is not waited for while another does
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeadMirror_OnItsOwnPort_CostsNoWait(bool first)
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 20_000_000 });
        var content = home.Publish("good.bin");
        home.Options = home.Options with { Retry = new RetryOptions { FirstDelay = TimeSpan.FromMinutes(10) } };
        Uri[] places = [new("http://127.0.0.1:1/f.bin"), home.Address("good.bin")];
        var began = Stopwatch.GetTimestamp();
        await home.AssertFetchesAsync(home.Described("good.bin", content) with { Origins = first ? places : [places[1], places[0]] }, content);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2));
    }

    [Fact] // one that has not been tried yet may be as fast as any
    public async Task Mirror_IsTriedThoughTheFirstIsKnownToBeFast()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 8_000_000 });
        var content = home.Publish("a.bin", 4 * Chunk.SizeBytes);
        home.Write("b.bin", content);
        home.Options = home.Options with { Workers = 2 };
        // Its size is not known before the first answer, which therefore is for all of it.
        var file = home.Described("a.bin", content) with { SizeBytes = null, Origins = [home.Address("a.bin"), home.Address("b.bin")] };
        await home.AssertFetchesAsync(file, content);
        Assert.True(home.Hub.Stats.BytesByContent.GetValueOrDefault("b.bin") > 0);
    }

    [Fact]
    public async Task Mirrors_WithoutDigestOrTag_AreRefused()
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("a.bin");
        home.Hub.Faults.Add(new HubFault { Path = "/files/", NoETag = true });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("a.bin") with { Origins = [home.Address("a.bin"), home.Address("b.bin")] }));
        Assert.Contains("--sha256", failed.Message);
    }

    [Fact] // E5 38
    public async Task ConnectionLimit_HoldsOverAllDownloads()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 30_000_000 });
        var first = home.Publish("a.bin", 5 * Chunk.SizeBytes, seed: 1);
        var second = home.Publish("b.bin", 5 * Chunk.SizeBytes, seed: 2);
        home.Options = home.Options with { Workers = 8, Connections = new SemaphoreSlim(3, 3) };
        await Task.WhenAll(home.AssertBytesAsync("a.bin", first), home.AssertBytesAsync("b.bin", second));
        Assert.InRange(home.Hub.Stats.MostAtOnce, 1, 3 + 2); // the two answers that told the sizes may be open besides
    }

    [Fact] // E5 37
    public async Task Cancelled_TrafficStopsAndWhatIsHereIsNotFetchedAgain()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 15_000_000 });
        var content = home.Publish("f.bin", 8 * Chunk.SizeBytes);
        await CancelInTheMiddleAsync(home, content);
        var before = home.SentBytes;
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.InRange(home.SentBytes - before, 1, content.Length - 1);
    }

    [Fact] // aligned with: only what was journaled is trusted, and only if it is still so
    public async Task DamagedPartial_ThatChunkIsFetchedAgain()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 15_000_000 });
        var content = home.Publish("f.bin", 8 * Chunk.SizeBytes);
        await CancelInTheMiddleAsync(home, content);
        var partial = home.PartialFiles().Single(static path => path.EndsWith(".part", StringComparison.Ordinal));
        var journal = home.PartialFiles().Single(static path => path.EndsWith(".journal", StringComparison.Ordinal));
        await using (var file = File.OpenWrite(partial)) file.Write(new byte[100_000]); // zeroed by a power cut
        await using (var file = new FileStream(journal, FileMode.Append)) file.Write(new byte[777]); // a torn tail
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    // More than four of the eight chunks are here; the last ones wait for as long as nobody cancels.
    private static async Task CancelInTheMiddleAsync(FetchHome home, byte[] content)
    {
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 5, Gate = new HubGate(1) });
        using var stop = new CancellationTokenSource();
        var fetching = home.FetchAsync(home.Described("f.bin", content), stop.Token);
        await Patience.UntilAsync(() => home.Reports.Any(static report => report.DoneBytes > 4 * Chunk.SizeBytes), "nothing is fetched");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetching);
        home.Hub.Faults.Clear();
    }

    [Fact] // (d) 5
    public async Task Repair_OneBadChunk_FetchesThatOne()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 6 * Chunk.SizeBytes);
        var file = home.Described("f.bin", content);
        (await home.FetchAsync(file)).Dispose();
        var path = home.BlobFiles().Single();
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using (var edit = File.OpenWrite(path))
        {
            edit.Position = (3 * Chunk.SizeBytes) + 17;
            edit.WriteByte((byte)(content[(3 * Chunk.SizeBytes) + 17] ^ 0x10));
        }
        home.Hub.Stats.Clear();
        using var supply = new FileSupply(home.Home, home.Options, home.Sources);
        var model = new ModelManifest { Name = "m", Source = ModelSourceKind.Url, Files = [file] };
        var found = supply.Verify(model, file, static _ => { }, CancellationToken.None);
        Assert.Equal([3], found.Blob!.BadChunks);
        Assert.Equal((1, 0), (await supply.RepairAsync(found, home.Access, static _ => { }, CancellationToken.None)) is var mended ? (mended.Chunks, mended.LocalChunks) : default);
        Assert.InRange(home.SentBytes, Chunk.SizeBytes, Chunk.SizeBytes);
        Assert.True(supply.Verify(model, file, static _ => { }, CancellationToken.None).Blob!.IsSound);
        Assert.Empty(home.PartialFiles());
    }

    [Fact]
    public async Task Repair_MissingOrCutBlob_IsWholeAgain()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var file = home.Described("f.bin", content);
        (await home.FetchAsync(file)).Dispose();
        var path = home.BlobFiles().Single();
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using (var edit = File.OpenWrite(path)) edit.SetLength(Chunk.SizeBytes + 5);
        using var supply = new FileSupply(home.Home, home.Options, home.Sources);
        var model = new ModelManifest { Name = "m", Source = ModelSourceKind.Url, Files = [file] };
        var found = supply.Verify(model, file, static _ => { }, CancellationToken.None);
        Assert.Equal([1, 2, 3, 4, 5], found.Blob!.BadChunks);
        await supply.RepairAsync(found, home.Access, static _ => { }, CancellationToken.None);
        Assert.True((await File.ReadAllBytesAsync(path)).AsSpan().SequenceEqual(content));
        File.Delete(path);
        await supply.RepairAsync(supply.Verify(model, file, static _ => { }, CancellationToken.None), home.Access, static _ => { }, CancellationToken.None);
        Assert.True((await File.ReadAllBytesAsync(path)).AsSpan().SequenceEqual(content));
    }

    [Theory] // E5 34: each kind of call, failing from its n-th on
    [InlineData(28, ErrorKind.OutOfSpace)]
    [InlineData(122, ErrorKind.OutOfSpace)]
    [InlineData(5, ErrorKind.Io)]
    public async Task DiskFails_AtWriteReserveSyncOrRead_IsTypedAndTheNextOneGoesOn(int errno, ErrorKind kind)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 3 * Chunk.SizeBytes);
        var good = home.Options;
        foreach (var at in new[] { 1, 2, 3, 10, 50, 90 })
        {
            var disk = new FailingDisk(at, errno);
            home.Options = good with { OnDisk = disk.Over };
            var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
            Assert.Equal(kind, failed.Kind);
            Assert.Empty(home.BlobFiles());
        }
        home.Options = good;
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
    }

    private sealed class FailingDisk(int from, int errno)
    {
        private int _calls;

        internal IPartialContent Over(IPartialContent inner) => new Wrapped(inner, this);

        private void Count(string what)
        {
            if (Interlocked.Increment(ref _calls) >= from) throw DiskErrors.Wrap(new IOException("injected", errno), what, "/nowhere");
        }

        private sealed class Wrapped(IPartialContent inner, FailingDisk disk) : IPartialContent
        {
            public long LengthBytes => inner.LengthBytes;

            public void Reserve(long sizeBytes)
            {
                disk.Count("reserve");
                inner.Reserve(sizeBytes);
            }

            public void Write(ReadOnlySpan<byte> bytes, long offset)
            {
                disk.Count("write");
                inner.Write(bytes, offset);
            }

            public int Read(Span<byte> buffer, long offset)
            {
                disk.Count("read");
                return inner.Read(buffer, offset);
            }

            public void SetLength(long lengthBytes)
            {
                disk.Count("set length");
                inner.SetLength(lengthBytes);
            }

            public void SyncContent()
            {
                disk.Count("sync");
                inner.SyncContent();
            }

            public void StartWriteBack(long offset, long length) => inner.StartWriteBack(offset, length);
            public void LeavePageCache(long offset, long length) => inner.LeavePageCache(offset, length);
        }
    }
}
