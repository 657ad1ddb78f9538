using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class TokenBucketTests
{
    private const int Piece = 16 * 1024;

    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData(null, 1_000_000L, 1_000_000L)]
    [InlineData(2_000_000L, null, 2_000_000L)]
    [InlineData(2_000_000L, 500_000L, 500_000L)]
    [InlineData(500_000L, 2_000_000L, 500_000L)]
    public void Take_AShareWithinARate_GoesAtTheSmallerOfBoth(long? own, long? outer, long expected)
    {
        var bucket = new TokenBucket(own, _time, new TokenBucket(outer, _time));
        Assert.Equal(expected, bucket.BytesPerSecond);
        Assert.InRange(Rates(4, bucket)[0], expected * 0.95, expected * 1.05);
    }

    [Fact]
    public void Take_TwoJobsWithinOneRate_ShareIt()
    {
        var all = new TokenBucket(1_000_000, _time);
        var rates = Rates(4, new TokenBucket(200_000, _time, all), new TokenBucket(null, _time, all));
        Assert.InRange(rates[0], 180_000, 220_000);
        Assert.InRange(rates.Sum(), 950_000, 1_050_000);
    }

    [Fact]
    public void NoLimit_IsNone() => Assert.Null(new TokenBucket(null, TimeProvider.System, new TokenBucket(null, TimeProvider.System)).BytesPerSecond);

    // Takers that take a piece as soon as they may, in time that passes by the millisecond.
    private double[] Rates(int seconds, params TokenBucket[] buckets)
    {
        var taken = new long[buckets.Length];
        // What may come at once after a pause is taken beforehand.
        var turns = buckets.Select(bucket => bucket.TakeAsync((int)(bucket.BytesPerSecond!.Value / 10), TestContext.Current.CancellationToken).AsTask()).ToArray();
        for (var millisecond = 0; millisecond < seconds * 1000; millisecond++)
        {
            for (var i = 0; i < buckets.Length; i++)
            {
                while (turns[i].IsCompletedSuccessfully)
                {
                    taken[i] += Piece;
                    turns[i] = buckets[i].TakeAsync(Piece, TestContext.Current.CancellationToken).AsTask();
                }
            }
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
        return [.. taken.Select(bytes => bytes / (double)seconds)];
    }
}
