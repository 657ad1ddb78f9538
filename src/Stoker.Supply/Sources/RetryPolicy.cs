using System.Net;

namespace Stoker.Supply.Sources;

/// <summary>When to try again, and after how long. Pure. Waits double: 2, 4, 8 s, each up to a quarter longer by chance.</summary>
public sealed record RetryPolicy
{
    /// <summary>Tries in all.</summary>
    public int MaxTries { get; init; } = 4;

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>An origin that asks for a longer wait than this is not waited for.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The wait before the next try, or null: give up.</summary>
    /// <param name="triesDone">At least 1.</param>
    /// <param name="retryAfter">What the origin asked for.</param>
    /// <param name="chance">0 to 1.</param>
    public TimeSpan? DelayAfter(int triesDone, TimeSpan? retryAfter, double chance)
    {
        if (triesDone >= MaxTries) return null;
        var backoff = FirstDelay * Math.Pow(2, Math.Min(triesDone - 1, 16)) * (1 + (chance / 4));
        if (backoff > LongestWait) backoff = LongestWait;
        if (retryAfter is not { } asked) return backoff;
        if (asked > LongestWait) return null;
        return asked > backoff ? asked : backoff;
    }

    /// <summary>Answers that may be different next time.</summary>
    public static bool IsTransient(HttpStatusCode status) =>
        status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || ((int)status >= 500 && status != HttpStatusCode.NotImplemented && (int)status != 505);

    /// <summary>Runs until it succeeds, fails for good, or the tries are used up.</summary>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> tryOnce, Random random, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await tryOnce(cancellationToken);
            }
            catch (SourceException failed) when (failed.CanRetry)
            {
                double chance;
                lock (random) chance = random.NextDouble();
                if (DelayAfter(tries, failed.RetryAfter, chance) is not { } delay)
                {
                    if (tries == 1) throw;
                    throw new SourceException(failed.Kind, $"{failed.Message} (tried {tries} times)", canRetry: false, failed) { Status = failed.Status, RetryAfter = failed.RetryAfter };
                }
                await Task.Delay(delay, time, cancellationToken);
            }
        }
    }
}
