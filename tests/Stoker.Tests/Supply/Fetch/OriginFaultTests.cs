using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>Rarer faults of origins (E5 30 to 32, 35), over real sockets.</summary>
public sealed class OriginFaultTests
{
    [Theory] // E5 35: what is left of the body may be destroyed by the reset
    [InlineData(1)]
    [InlineData(3)]
    public async Task Fetch_ResetAt99Percent_FetchesTheRestAlone(int times)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", Chunk.SizeBytes);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = times, CutAfterBytes = content.Length * 99L / 100, Reset = true });
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        var requests = home.Hub.Stats.Requests;
        Assert.InRange(requests.Count, 2, 1 + times);
        Assert.All(requests.Skip(1), static request => Assert.DoesNotContain("bytes=0-", request.Range));
    }

    [Fact] // E5 35: the job ends, though each range has tries left
    public async Task Fetch_RetriesUsedUp_EndsAndSaysSo()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        home.Options = home.Options with { Workers = 1, Retry = new RetryOptions { FirstDelay = TimeSpan.FromMilliseconds(1), Budget = 5, MaxAttempts = 100 } };
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", CutAfterBytes = 1 << 20 });
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Contains("5 retries", failed.Message);
        Assert.Equal(6, home.Hub.Stats.Requests.Count);
    }

    [Theory] // E5 35: the name service is down for a moment, or for good
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    public async Task Fetch_NameServiceDown_IsRetriedThenNetwork(int failures)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var asked = 0;
        home.Access = home.Access with { Offline = false };
        home.Sources = home.Sources with
        {
            Resolve = (_, _) => Interlocked.Increment(ref asked) <= failures ? throw new SocketException((int)SocketError.TryAgain) : Task.FromResult<IPAddress[]>([IPAddress.Loopback]),
        };
        var file = home.Described("f.bin", content) with { Origins = [new Uri($"http://hub.test:{new Uri(home.Hub.Url).Port}/files/f.bin")] };
        if (failures < 4)
        {
            await home.AssertFetchesAsync(file, content);
            return;
        }
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(file));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Contains("hub.test could not be resolved", failed.Message);
        Assert.Equal(4, asked);
        Assert.Empty(home.PartialFiles());
    }

    [Theory] // E5 30
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fetch_416ForARangeThatExists_TakesTheWholeOrSaysSo(bool always)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 2_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = always ? int.MaxValue : 1, Status = 416 });
        if (!always)
        {
            await home.AssertFetchesAsync(home.Described("f.bin", content), content);
            return;
        }
        var failed = await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
        Assert.Equal(ErrorKind.Network, failed.Kind);
        Assert.Empty(home.PartialFiles());
    }

    [Fact] // E5 30: the file became shorter than what is asked for
    public async Task Fetch_416InTheMiddle_BeginsAgainWithTheShorterFile()
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("f.bin");
        var gate = new HubGate(1_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 1, Gate = gate, CutAfterBytes = 1_500_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gate = gate }); // whoever finds the first too slow and asks again waits too
        home.Options = home.Options with { Workers = 1 };
        var fetching = home.FetchAsync(home.Described("f.bin"));
        await gate.Reached;
        var shorter = home.Publish("f.bin", 700_000, seed: 2);
        gate.Open();
        using var lease = await fetching;
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(shorter));
    }

    [Fact] // E5 32: of an origin without tags the time must do
    public async Task Fetch_OnlyLastModifiedChanges_IsNotMixed()
    {
        await using var home = await FetchHome.StartAsync();
        home.Publish("f.bin");
        home.Touch("f.bin", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var gate = new HubGate(1_000_000);
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Times = 1, OnlyLastModified = true, Gate = gate, CutAfterBytes = 1_500_000 });
        home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", OnlyLastModified = true, Gate = gate }); // whoever finds the first too slow and asks again waits too
        home.Options = home.Options with { Workers = 1 };
        var fetching = home.FetchAsync(home.Described("f.bin"));
        await gate.Reached;
        var changed = home.Publish("f.bin", seed: 2); // as long as before
        home.Touch("f.bin", new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc));
        gate.Open();
        using var lease = await fetching;
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(changed));
    }

    [Theory] // E5 31: a single bit, where chunks begin and end
    [InlineData(0L)]
    [InlineData(Chunk.SizeBytes - 1L)]
    [InlineData((long)Chunk.SizeBytes)]
    [InlineData((3L * Chunk.SizeBytes) + 7)]
    [InlineData(-1L)]
    public async Task Fetch_OneFlippedBit_OnlyThatChunkIsFetchedAgainFromElsewhere(long at)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("good.bin");
        home.Write("bad.bin", content);
        (await home.FetchAsync(home.Described("good.bin", content))).Dispose();
        home.Store.TryRemove(Digest.FromBytes(SHA256.HashData(content))); // its map stays
        home.Hub.Stats.Clear();
        home.Hub.Faults.Add(new HubFault { Path = "/files/bad.bin", FlipBitAt = at });
        home.Options = home.Options with { Workers = 1 }; // one place after the other
        await home.AssertFetchesAsync(home.Described("good.bin", content) with { Origins = [home.Address("bad.bin"), home.Address("good.bin")] }, content);
        Assert.Contains(home.Reports, static report => report.Note?.Contains("bad.bin sent wrong bytes") == true);
        var requests = home.Hub.Stats.Requests.ToList();
        var turned = requests.FindIndex(static request => request.Path == "/files/good.bin");
        var flipped = (at < 0 ? content.Length + at : at) / Chunk.SizeBytes;
        Assert.StartsWith($"bytes={Chunk.Offset((int)flipped)}-", requests[turned].Range, StringComparison.Ordinal);
        Assert.All(requests.Skip(turned), static request => Assert.Equal("/files/good.bin", request.Path));
    }

    [Theory] // E5 34: what an earlier process left may be empty, torn, too long, or another's
    [InlineData("journal", "empty")]
    [InlineData("journal", "torn")]
    [InlineData("journal", "noise")]
    [InlineData("journal", "gone")]
    [InlineData("part", "empty")]
    [InlineData("part", "torn")]
    [InlineData("part", "long")]
    [InlineData("part", "noise")]
    [InlineData("part", "gone")]
    [InlineData("chunks", "torn")]
    [InlineData("chunks", "noise")]
    [InlineData("stamp", "empty")]
    [InlineData("stamp", "noise")]
    [InlineData("json", "empty")]
    [InlineData("json", "torn")]
    [InlineData("json", "noise")]
    public async Task Fetch_AfterStateWasDamaged_IsRight(string kind, string damage)
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        if (kind is "journal" or "part")
        {
            home.Options = home.Options with { Workers = 1 };
            home.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RangeStart = 3 * Chunk.SizeBytes, Status = 404 });
            await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin", content)));
            home.Hub.Faults.Clear();
        }
        else
        {
            (await home.FetchAsync(home.Described("f.bin"))).Dispose();
        }
        var path = Assert.Single(Directory.GetFiles(home.Home, "*." + kind, SearchOption.AllDirectories));
        Damage(path, damage);
        using var lease = await home.FetchAsync(home.Described("f.bin", kind is "journal" or "part" ? content : null));
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(content));
        Assert.Empty(home.PartialFiles());
    }

    private static void Damage(string path, string damage)
    {
        var bytes = File.ReadAllBytes(path);
        switch (damage)
        {
            case "gone":
                File.Delete(path);
                return;
            case "empty":
                bytes = [];
                break;
            case "torn":
                bytes = bytes[..(bytes.Length * 2 / 3)];
                break;
            case "long":
                bytes = [.. bytes, .. new byte[12_345]];
                break;
            default:
                new Random(7).NextBytes(bytes);
                break;
        }
        File.WriteAllBytes(path, bytes);
    }

    [Fact] // E5 36: though nothing but the partial file's lock is shared between them
    public async Task Fetch_32AtOnce_CostTheOriginOnce()
    {
        await using var home = await FetchHome.StartAsync(static options => options with { RateBytesPerSecond = 40_000_000 });
        var content = home.Publish("f.bin", 3 * Chunk.SizeBytes);
        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => home.AssertBytesAsync("f.bin", content))));
        Assert.Equal(content.Length, home.SentBytes);
        Assert.Empty(home.PartialFiles());
        Assert.Single(home.BlobFiles());
    }

    [Fact] // X25: the same bytes from another address are the same blob
    public async Task Fetch_SameBytesFromAnotherAddress_AreStoredOnce()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("a.bin");
        home.Write("b.bin", content);
        await home.AssertFetchesAsync(home.Described("a.bin"), content);
        await home.AssertFetchesAsync(home.Described("b.bin"), content);
        await home.AssertFetchesAsync(home.Described("b.bin", content), content);
        Assert.Single(home.BlobFiles());
        Assert.Equal(2 * content.Length, home.SentBytes);
    }

    [Theory] // nothing is left of a download of which nothing came
    [InlineData(404)]
    [InlineData(500)]
    public async Task Fetch_Refused_LeavesNoFile(int status)
    {
        await using var home = await FetchHome.StartAsync();
        home.Hub.Faults.Add(new HubFault { Path = "/files/", Status = status });
        await Assert.ThrowsAnyAsync<StokerException>(() => home.FetchAsync(home.Described("f.bin")));
        Assert.Empty(home.PartialFiles());
    }
}
