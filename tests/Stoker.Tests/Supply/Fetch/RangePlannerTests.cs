using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class RangePlannerTests
{
    [Fact]
    public void Take_WholeBlobByOneWorker_CoversEveryChunkOnceInOrder()
    {
        var planner = new RangePlanner(100, static _ => false);
        var seen = new List<int>();
        while (planner.Take(1, 1) is { } range)
        {
            while (!range.IsGone)
            {
                seen.Add(range.Next);
                planner.Finish(range);
            }
        }
        Assert.Equal(Enumerable.Range(0, 100), seen);
        Assert.True(planner.IsComplete);
    }

    [Fact]
    public void Take_DoneChunks_AreNeverAskedFor()
    {
        var planner = new RangePlanner(10, static chunk => chunk is 0 or 3 or 4 or 9);
        var asked = new List<int>();
        while (planner.Take(2, 1) is { } range)
        {
            for (; !range.IsGone; planner.Finish(range)) asked.Add(range.Next);
        }
        Assert.Equal([1, 2, 5, 6, 7, 8], asked);
    }

    [Fact]
    public void Take_AllDone_GivesNothing()
    {
        var planner = new RangePlanner(4, static _ => true);
        Assert.Null(planner.Take(8, 1));
        Assert.True(planner.IsComplete);
        Assert.True(new RangePlanner(0, static _ => false).IsComplete);
    }

    [Fact]
    public void Take_NothingFree_HalvesTheLongestAndLeavesTheChunkUnderWay()
    {
        var planner = new RangePlanner(64, static _ => false);
        var only = planner.Take(1, 64)!;
        Assert.Equal((0, 64), (only.First, only.End));
        planner.Finish(only);
        Assert.Null(planner.Take(2, 1)); // its pace is not known
        only.Pace = 100;
        Assert.Null(planner.Take(2, 1)); // it will be done in a moment
        only.Pace = 1;

        var stolen = planner.Take(2, 1)!;
        Assert.Equal(64, stolen.End);
        Assert.Equal(stolen.First, only.End);
        Assert.InRange(stolen.LeftCount, 30, 32);
        Assert.InRange(only.LeftCount, 31, 33);
    }

    [Fact]
    public void Take_LittleLeft_IsNotWorthARequest()
    {
        var planner = new RangePlanner(5, static _ => false);
        Assert.NotNull(planner.Take(1, 5));
        Assert.Null(planner.Take(2, 5));
    }

    [Fact]
    public void Take_MinimumAndMaximum_AreKept()
    {
        var planner = new RangePlanner(1000, static _ => false);
        Assert.Equal(16, planner.Take(8, 1, 16)!.LeftCount);
        Assert.Equal(200, planner.Take(8, 200)!.LeftCount);
        while (planner.FreeCount > 0)
        {
            var range = planner.Take(8, 8)!;
            Assert.True(range.LeftCount >= 8 || planner.FreeCount == 0);
        }
    }

    [Fact]
    public void Release_UnfinishedRest_IsTakenAgainFirst()
    {
        var planner = new RangePlanner(32, static _ => false);
        var first = planner.Take(2, 1)!;
        planner.Finish(first);
        planner.Release(first);
        planner.Release(first);
        Assert.Equal(31, planner.FreeCount);
        Assert.Equal(1, planner.Take(2, 1)!.First);
    }

    [Fact]
    public void Take_ManyWorkersToTheEnd_LastRangesAreShort()
    {
        var planner = new RangePlanner(256, static _ => false);
        var lengths = new List<int>();
        while (planner.FreeCount > 0) lengths.Add(planner.Take(8, 1)!.LeftCount);
        Assert.True(lengths[0] >= 16);
        Assert.All(lengths.TakeLast(8), static length => Assert.Equal(1, length));
    }

    // Random workers that finish, fail and steal: each chunk is finished exactly once, and nothing is ever in two places.
    [Fact]
    public void AnyInterleaving_EveryChunkFinishedExactlyOnce()
    {
        for (var seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(0, 200);
            var done = Enumerable.Range(0, count).Select(_ => random.Next(4) == 0).ToArray();
            var planner = new RangePlanner(count, chunk => done[chunk]);
            var finished = new int[count];
            var held = new List<TakenRange>();
            for (var step = 0; !planner.IsComplete; step++)
            {
                Assert.True(step < 100_000, $"seed {seed}: no end");
                var choice = random.Next(10);
                if (held.Count == 0 || choice < 3)
                {
                    if (planner.Take(random.Next(1, 20), random.Next(1, 9), random.Next(1, 64)) is { } taken) { taken.Pace = random.Next(3); held.Add(taken); }
                }
                else
                {
                    var range = held[random.Next(held.Count)];
                    if (choice == 3) planner.Release(range);
                    else { finished[range.Next]++; planner.Finish(range); }
                    if (range.IsGone) held.Remove(range);
                }
                Assert.Equal(count, planner.DoneCount + planner.FreeCount + held.Sum(static range => range.LeftCount));
            }
            for (var i = 0; i < count; i++) Assert.Equal(done[i] ? 0 : 1, finished[i]);
        }
    }

    // Eight connections of which one is ten times slower: it must not be what everybody waits for.
    [Fact]
    public void SlowConnection_DoesNotHoldUpTheEnd()
    {
        var planner = new RangePlanner(256, static _ => false);
        var ranges = new TakenRange?[8];
        var credit = new double[8];
        var ticks = 0;
        for (; !planner.IsComplete; ticks++)
        {
            for (var worker = 0; worker < 8; worker++)
            {
                ranges[worker] ??= planner.Take(8, 1);
                if (ranges[worker] is not { } range) continue;
                credit[worker] += worker == 0 ? 0.1 : 1;
                if (credit[worker] < 1) continue;
                credit[worker] -= 1;
                range.Pace = worker == 0 ? 0.1 : 1;
                planner.Finish(range);
                if (range.IsGone) ranges[worker] = null;
            }
        }
        Assert.InRange(ticks, 36, 36 + 12); // 256 chunks at 7.1 a tick, and at most the slow one's last chunk
    }
}
