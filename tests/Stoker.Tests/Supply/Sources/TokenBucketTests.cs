using System.Diagnostics;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class TokenBucketTests
{
    private const int Piece = 16 * 1024;

    [Theory]
    [InlineData(null, 1_000_000L, 1_000_000L)]
    [InlineData(2_000_000L, null, 2_000_000L)]
    [InlineData(2_000_000L, 500_000L, 500_000L)]
    [InlineData(500_000L, 2_000_000L, 500_000L)]
    public async Task Take_AShareWithinARate_GoesAtTheSmallerOfBoth(long? own, long? outer, long expected)
    {
        var bucket = new TokenBucket(own, TimeProvider.System, new TokenBucket(outer, TimeProvider.System));
        Assert.Equal(expected, bucket.BytesPerSecond);
        Assert.InRange(await RateAsync(bucket, 1), expected * 0.5, expected * 1.1); // a busy machine may hold us up, never drive us on
    }

    [Fact]
    public async Task Take_TwoJobsWithinOneRate_ShareIt()
    {
        var all = new TokenBucket(1_000_000, TimeProvider.System);
        var rates = await Task.WhenAll(RateAsync(new TokenBucket(200_000, TimeProvider.System, all), 1.5), RateAsync(new TokenBucket(null, TimeProvider.System, all), 1.5));
        Assert.InRange(rates[0], 100_000, 220_000);
        Assert.InRange(rates.Sum(), 500_000, 1_100_000);
    }

    [Fact]
    public void NoLimit_IsNone() => Assert.Null(new TokenBucket(null, TimeProvider.System, new TokenBucket(null, TimeProvider.System)).BytesPerSecond);

    private static async Task<double> RateAsync(TokenBucket bucket, double seconds)
    {
        await bucket.TakeAsync((int)(bucket.BytesPerSecond!.Value / 10), TestContext.Current.CancellationToken); // what may come at once
        var clock = Stopwatch.StartNew();
        long taken = 0;
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            await bucket.TakeAsync(Piece, TestContext.Current.CancellationToken);
            taken += Piece;
        }
        return taken / clock.Elapsed.TotalSeconds;
    }
}
