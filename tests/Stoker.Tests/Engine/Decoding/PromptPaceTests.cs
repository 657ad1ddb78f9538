using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class PromptPaceTests
{
    private const int Seed = 11;

    [Fact]
    public void Tokens_OfALargeModel_AreFew_SoThatTheOthersWaitForThreeOfTheirSteps()
    {
        var ran = Run(decodeMs: 100, promptMs: tokens => 20 * tokens, promptTokens: 4000);
        // Whether more at once would take hardly longer is tried now and then.
        Assert.InRange(ran.LongestMs, 100, 100 + (65 * 20));
        Assert.InRange(ran.StepsOver(100 + (16 * 20)), 0, 4);
        Assert.InRange(ran.Share, 0.23, 1);
    }

    [Fact]
    public void Tokens_OfASmallModel_AreMany_AndTheOthersGoOnInBetween()
    {
        var ran = Run(decodeMs: 1, promptMs: static tokens => 0.4 * tokens, promptTokens: 16_000);
        Assert.InRange(ran.LongestMs, 0, 53);
        Assert.InRange(ran.Share, 0.24, 0.3);
        Assert.InRange(ran.PromptSteps, 16_000 / 129, 140);
    }

    [Fact]
    public void Tokens_WhereTilesOf64CostNoMoreThan16_AreNotFewer()
    {
        // As measured at 12,000 cells; there from the first step on.
        var ran = Run(decodeMs: 0.7, promptMs: static tokens => tokens < 65 ? 10 * tokens : tokens < 129 ? 136 : 239, promptTokens: 20_000);
        Assert.InRange(ran.PromptSteps, 300, 400);
        Assert.InRange(ran.Share, 0.24, 0.3);
        Assert.InRange(ran.StepsOver(200), 0, 4); // that 129 take too long is not tried again and again
    }

    [Fact]
    public void Tokens_AfterAStallOfTheMachine_AreSoonAsManyAsBefore()
    {
        var steps = 0;
        var ran = Run(decodeMs: 1, promptMs: tokens => ++steps is 20 or 21 ? 5000 : 0.4 * tokens, promptTokens: 16_000);
        Assert.InRange(ran.PromptSteps, 16_000 / 129, 300);
    }

    [Fact]
    public void Tokens_AfterAStallWhileTheOthersDecoded_LeaveThemTheirPart()
    {
        const double stall = 5000;
        var steps = 0;
        var ran = Run(decodeMs: 1, promptMs: static tokens => 0.4 * tokens, promptTokens: 16_000, alone: () => ++steps == 20 ? stall : 1);
        Assert.InRange(ran.StepsMs.Count / (ran.StepsMs.Sum() - stall), 0.23, 0.3);
    }

    [Fact]
    public void Tokens_OthersThatBecomeSlower_AreSeenToBe()
    {
        var steps = 0;
        var ran = Run(decodeMs: 1, promptMs: static tokens => 0.4 * tokens, promptTokens: 16_000, alone: () => ++steps > 20 ? 50 : 1);
        Assert.InRange(ran.PromptSteps, 16_000 / 129, 140); // they take a small part of the time of such others
        Assert.InRange(ran.StepsMs.Count(static step => step == 50), 1, 150);
    }

    [Fact]
    public void Tokens_OfAnyMachine_LetBothGoOn()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 2000; round++)
        {
            var (decode, each, tile, noise) = (random.NextDouble() * 100, random.NextDouble() * 50, random.NextDouble(), random.NextDouble());
            var ran = Run(decode, tokens => each * (tokens < 65 ? tokens : tokens * (1 - (tile / 2))) * (1 + (noise * random.NextDouble())), promptTokens: 3000);
            Assert.True(ran.Share >= 0.2, $"seed {Seed}, round {round}: {ran}");
            Assert.True(ran.PromptSteps <= 3000 / 16 * 1.1, $"seed {Seed}, round {round}: {ran}");
        }
    }

    [Fact]
    public void Took_NobodyDecodes_OwesNothing()
    {
        var pace = new PromptPace();
        pace.Took(1, 16, 1000);
        Assert.Equal(0, pace.Tokens);
        pace.Took(0, 512, 1000);
        Assert.NotEqual(0, pace.Tokens);
    }

    // One that decodes all the time beside one long prompt.
    private static Ran Run(double decodeMs, Func<int, double> promptMs, int promptTokens, Func<double>? alone = null)
    {
        var pace = new PromptPace();
        var (steps, promptSteps, total) = (0, 0, 0d);
        var all = new List<double>();
        for (var i = 0; i < 5; i++) pace.Took(1, 0, decodeMs);
        while (promptTokens > 0)
        {
            var tokens = Math.Min(pace.Tokens, promptTokens);
            var took = tokens > 0 ? decodeMs + promptMs(tokens) : alone?.Invoke() ?? decodeMs;
            pace.Took(1, tokens, took);
            promptTokens -= tokens;
            (steps, promptSteps, total) = (steps + 1, promptSteps + (tokens > 0 ? 1 : 0), total + took);
            all.Add(took);
        }
        return new Ran(all, steps * decodeMs / total, promptSteps);
    }

    /// <param name="Share">Of all time, what the tokens of the one that decodes would have taken alone.</param>
    private sealed record Ran(IReadOnlyList<double> StepsMs, double Share, int PromptSteps)
    {
        public double LongestMs => StepsMs.Max();

        public int StepsOver(double milliseconds) => StepsMs.Count(step => step > milliseconds);
    }
}
