using Stoker.Core.Errors;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class RetryPlannerTests
{
    private static readonly FetchFailure Cut = new(ErrorKind.Network, IsTransient: true, "the connection was cut");

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 4)]
    [InlineData(3, 8)]
    public void After_Failures_WaitsTwoFourEightWithJitter(int failures, int seconds)
    {
        var planner = new RetryPlanner(new RetryOptions(), new Random(1));
        for (var i = 0; i < 50; i++)
        {
            var delay = planner.After(failures, Cut).Delay!.Value;
            Assert.InRange(delay.TotalSeconds, seconds * 0.75, seconds * 1.25);
        }
    }

    [Fact]
    public void After_FourthFailureInARow_GivesUpAndSaysSo()
    {
        var decision = new RetryPlanner(new RetryOptions(), new Random(1)).After(4, Cut);
        Assert.Null(decision.Delay);
        Assert.Contains("4 times", decision.Reason);
    }

    [Fact]
    public void After_PermanentFailure_GivesUpAtOnce()
    {
        var decision = new RetryPlanner(new RetryOptions(), new Random(1)).After(1, Cut with { IsTransient = false });
        Assert.Null(decision.Delay);
    }

    [Fact]
    public void After_RetryAfter_IsAMinimum()
    {
        var planner = new RetryPlanner(new RetryOptions(), new Random(1));
        var delay = planner.After(1, Cut with { RetryAfter = TimeSpan.FromSeconds(17) }).Delay!.Value;
        Assert.InRange(delay.TotalSeconds, 17, 18);
        Assert.Null(planner.After(1, Cut with { RetryAfter = TimeSpan.FromHours(1) }).Delay);
    }

    [Fact]
    public void After_BudgetUsedUp_GivesUp()
    {
        var planner = new RetryPlanner(new RetryOptions { Budget = 3 }, new Random(1));
        for (var i = 0; i < 3; i++) Assert.NotNull(planner.After(1, Cut).Delay);
        Assert.Null(planner.After(1, Cut).Delay);
        Assert.Equal(3, planner.UsedCount);
    }
}
