using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>A disk that takes long is not the origin's fault.</summary>
public sealed class SlowDiskTests
{
    [Fact]
    public async Task Write_TakesLongerThanAStall_NoConnectionIsGivenUp()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", 2 * Chunk.SizeBytes);
        var slowWrites = 2;
        home.Options = home.Options with
        {
            Workers = 2,
            Retry = new RetryOptions { FirstDelay = TimeSpan.FromMilliseconds(5), StallTimeout = TimeSpan.FromSeconds(3) },
            OnDisk = disk => new SlowDisk(disk, () => Interlocked.Decrement(ref slowWrites) >= 0 ? TimeSpan.FromSeconds(5) : TimeSpan.Zero),
        };
        await home.AssertFetchesAsync(home.Described("f.bin", content), content);
        Assert.InRange(home.Hub.Stats.Count("f.bin"), 2, 3); // blamed for each slow write, both workers would ask again
    }

    private sealed class SlowDisk(IPartialContent inner, Func<TimeSpan> takes) : DiskAround(inner)
    {
        public override void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            Thread.Sleep(takes());
            base.Write(bytes, offset);
        }
    }
}
