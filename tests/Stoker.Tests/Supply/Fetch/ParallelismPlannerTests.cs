using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class ParallelismPlannerTests
{
    [Fact]
    public void Zero_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => ParallelismPlanner.Fixed(0));
        Assert.Throws<ArgumentOutOfRangeException>(static () => ParallelismPlanner.Adaptive(0));
    }

    [Fact]
    public void Fixed_StaysWhateverHappensButThrottling()
    {
        var planner = ParallelismPlanner.Fixed(16);
        for (var second = 1; second < 20; second++)
        {
            planner.Observe(TimeSpan.FromSeconds(second), new ParallelismSample(1e6 / second, 16, 100 * second));
            Assert.Equal(16, planner.Count);
        }
        planner.Throttled(TimeSpan.FromSeconds(20));
        Assert.Equal(8, planner.Count);
        Run(planner, 21, 40, static count => count * 1e6);
        Assert.Equal(16, planner.Count);
    }

    [Fact]
    public void Adaptive_GrowthHelps_GrowsToTheMaximum()
    {
        var planner = ParallelismPlanner.Adaptive(32);
        Assert.Equal(8, planner.Count);
        Run(planner, 1, 12, static count => count * 90e6);
        Assert.Equal(32, planner.Count);
    }

    [Fact]
    public void Adaptive_GrowthDoesNotHelp_GoesBack()
    {
        var planner = ParallelismPlanner.Adaptive(32);
        Run(planner, 1, 20, static count => Math.Min(count, 8) * 90e6);
        Assert.Equal(8, planner.Count);
    }

    [Fact]
    public void Adaptive_GrowthHelpsUpToTwelve_StaysThere()
    {
        var planner = ParallelismPlanner.Adaptive(64);
        Run(planner, 1, 20, static count => Math.Min(count, 12) * 90e6);
        Assert.Equal(12, planner.Count);
    }

    [Fact]
    public void Adaptive_SmallMaximum_IsKept()
    {
        var planner = ParallelismPlanner.Adaptive(3);
        Assert.Equal(3, planner.Count);
        Run(planner, 1, 10, static count => count * 1e6);
        Assert.Equal(3, planner.Count);
    }

    [Fact]
    public void Throttled_Burst_HalvesOnceAndNeverBelowOne()
    {
        var planner = ParallelismPlanner.Adaptive(8);
        for (var i = 0; i < 8; i++) planner.Throttled(TimeSpan.FromMilliseconds(1000 + i));
        Assert.Equal(4, planner.Count);
        for (var i = 0; i < 10; i++) planner.Throttled(TimeSpan.FromSeconds(3 + (2 * i)));
        Assert.Equal(1, planner.Count);
    }

    [Fact]
    public void RisingLatencyWithoutMoreBytes_Shrinks()
    {
        var planner = ParallelismPlanner.Adaptive(8);
        for (var second = 1; second < 4; second++) planner.Observe(TimeSpan.FromSeconds(second), new ParallelismSample(100e6, 8, 40));
        planner.Observe(TimeSpan.FromSeconds(5), new ParallelismSample(100e6, 8, 400));
        Assert.Equal(6, planner.Count);
    }

    private static void Run(ParallelismPlanner planner, int from, int to, Func<int, double> rate)
    {
        for (var second = from; second <= to; second++)
            planner.Observe(TimeSpan.FromSeconds(second), new ParallelismSample(rate(planner.Count), planner.Count, 40));
    }
}
