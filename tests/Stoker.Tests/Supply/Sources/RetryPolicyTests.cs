using System.Net;
using Stoker.Core.Errors;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class RetryPolicyTests
{
    private static readonly RetryPolicy Policy = new();

    [Theory]
    [InlineData(1, 0, 2)]
    [InlineData(2, 0, 4)]
    [InlineData(3, 0, 8)]
    [InlineData(3, 1, 10)]
    public void DelayAfter_Doubles(int tries, double chance, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Policy.DelayAfter(tries, null, chance));

    [Fact]
    public void DelayAfter_TheLastTryOrTooLongAWait_GivesUp()
    {
        Assert.Null(Policy.DelayAfter(4, null, 0));
        Assert.Equal(TimeSpan.FromSeconds(30), Policy.DelayAfter(1, TimeSpan.FromSeconds(30), 0));
        Assert.Equal(TimeSpan.FromSeconds(2), Policy.DelayAfter(1, TimeSpan.Zero, 0));
        Assert.Null(Policy.DelayAfter(1, TimeSpan.FromHours(1), 0));
    }

    [Theory]
    [InlineData(408, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(501, false)]
    [InlineData(505, false)]
    [InlineData(400, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    public void IsTransient_IsWhatMayPass(int status, bool transient) =>
        Assert.Equal(transient, RetryPolicy.IsTransient((HttpStatusCode)status));

    [Fact]
    public async Task RunAsync_GivesUpAfterItsTries_AndNeverRetriesWhatIsFinal()
    {
        var policy = new RetryPolicy { FirstDelay = TimeSpan.FromMilliseconds(1), MaxTries = 3 };
        var calls = 0;
        var refused = await Assert.ThrowsAsync<SourceException>(() => policy.RunAsync<int>(_ => { calls++; throw new SourceException(ErrorKind.Network, "cut", canRetry: true); }, new Random(1), TimeProvider.System, CancellationToken.None));
        Assert.Equal((3, "cut (tried 3 times)"), (calls, refused.Message));
        calls = 0;
        await Assert.ThrowsAsync<SourceException>(() => policy.RunAsync<int>(_ => { calls++; throw new SourceException(ErrorKind.NotFound, "no", canRetry: false); }, new Random(1), TimeProvider.System, CancellationToken.None));
        Assert.Equal(1, calls);
    }
}
