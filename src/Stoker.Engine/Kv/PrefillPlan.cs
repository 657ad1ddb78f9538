namespace Stoker.Engine.Kv;

/// <summary>How many tokens of a prompt to compute at once. Pure.</summary>
public static class PrefillPlan
{
    /// <summary>
    /// Fewer fill attention's tiles of 64 rows badly: at 60,000 cells 32 tokens at once took four times as long as 128, and 512 were 1.2
    /// times as fast.
    /// </summary>
    public const int LeastTokens = 128;

    /// <summary>Of the attention mask: two bytes for each token and cell. It is the part of the work memory that grows with depth.</summary>
    public const long MaskBytes = 16L << 20;

    /// <param name="depth">Cells that the conversation has already.</param>
    /// <param name="microBatch">The most at once (<see cref="KvOptions.MicroBatch"/>).</param>
    /// <returns>A multiple of 64 where the micro-batch allows.</returns>
    public static int TokensAtOnce(int depth, int microBatch)
    {
        var fitting = MaskBytes / (2L * Math.Max(depth, 1));
        var tokens = Math.Max(LeastTokens, fitting / 64 * 64);
        return (int)Math.Min(tokens, microBatch);
    }
}
