using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Kv;

/// <summary>
/// What is computed beside others differs in its last bits from what is computed alone, because sums are taken in another order. By how
/// much at most is promised in docs/api.md, and asked here.
/// </summary>
public sealed class BatchCompositionTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>Of the distance between a row's largest and smallest logit.</summary>
    private const double Tolerance = 0.05;

    private const int Conversations = 4;
    private const int PromptTokens = 120;
    private const int ChunkTokens = 30; // of four prompts in one batch
    private const int Steps = 24;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny")]
    [InlineData("trained")]
    [InlineData("gemma3t")]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public void Decode_BesideThreeOthers_IsWithinTheToleranceOfAlone(string shape)
    {
        var options = new KvOptions { Mode = KvMode.Auto, ContextTokens = 256, Slots = Conversations, Threads = 1, MicroBatch = 128, SessionsFolder = _folder.Path };
        using var rig = new KvRig(shape, options, repack: null);
        var everybody = Enumerable.Range(0, Conversations).Select(static i => (Slot: i, Conversation: i + 1)).ToArray();
        var together = Play(rig, everybody, ChunkTokens);
        for (var slot = 0; slot < Conversations; slot++) rig.Kv.Empty(slot);
        var alone = everybody.Select(one => Play(rig, [one], PromptTokens)).ToArray();

        var (worst, closest) = (0.0, double.MaxValue);
        for (var step = 0; step <= Steps; step++)
        {
            for (var i = 0; i < Conversations; i++)
            {
                worst = Math.Max(worst, Difference(alone[i][step][0], together[step][i]));
                closest = Math.Min(closest, Difference(alone[(i + 1) % Conversations][step][0], together[step][i]));
            }
        }
        output.WriteLine($"{shape}: {worst:0.0e+0} at most; another conversation's {closest:0.0e+0} at least");
        Assert.InRange(worst, 0, Tolerance);
        Assert.True(closest > 2 * worst, "Another conversation's logits must be farther away, or this shows nothing.");
    }

    // The prompts' last rows, and those of each step.
    private static List<IReadOnlyList<float[]>> Play(KvRig rig, (int Slot, int Conversation)[] who, int chunkTokens)
    {
        for (var done = chunkTokens; done < PromptTokens; done += chunkTokens) _ = rig.Rows(who, chunkTokens);
        var rows = new List<IReadOnlyList<float[]>> { rig.Rows(who, chunkTokens) };
        for (var step = 0; step < Steps; step++) rows.Add(rig.Rows(who));
        return rows;
    }

    private static double Difference(float[] expected, float[] actual) =>
        expected.Zip(actual).Max(static pair => Math.Abs(pair.First - pair.Second)) / (expected.Max() - expected.Min());
}
