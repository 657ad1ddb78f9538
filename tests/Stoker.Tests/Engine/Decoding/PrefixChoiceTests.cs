using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class PrefixChoiceTests
{
    private static int[] Tokens(int count, int from = 0) => [.. Enumerable.Range(from, count)];

    private static KeptPrefix Kept(int count, bool isTaken = false, params int[] points) => new(Tokens(count), isTaken, points);

    private static PrefixPlan Choose(int[] prompt, KeptPrefix[] kept, bool canCut = true, bool canFork = true) => PrefixChoice.Choose(prompt, kept, canCut, canFork);

    [Fact]
    public void Choose_TheLongestWins() => Assert.Equal(new PrefixPlan(PrefixUse.Continue, 1, 60), Choose(Tokens(100), [Kept(35), Kept(60), Kept(40)]));

    [Fact]
    public void Choose_ItsOwnContinuation_BeatsACopyOfTheSameLength() =>
        Assert.Equal(new PrefixPlan(PrefixUse.Continue, 1, 60), Choose([.. Tokens(60), -1, -2], [Kept(80), Kept(60)]));

    [Fact]
    public void Choose_MoreThanIsWanted_IsForked() => Assert.Equal(new PrefixPlan(PrefixUse.Fork, 0, 50), Choose([.. Tokens(50), -1, -2], [Kept(80)]));

    [Fact]
    public void Choose_MoreThanIsWanted_WithoutCopies_IsCutWhenMostOfItStays()
    {
        Assert.Equal(new PrefixPlan(PrefixUse.Continue, 0, 50), Choose([.. Tokens(50), -1, -2], [Kept(80)], canFork: false));
        Assert.Equal(PrefixUse.None, Choose([.. Tokens(36), -1, -2], [Kept(80)], canFork: false).Use);
    }

    [Fact]
    public void Choose_OneThatIsTaken_IsForkedOrLeft()
    {
        Assert.Equal(new PrefixPlan(PrefixUse.Fork, 0, 60), Choose(Tokens(100), [Kept(60, isTaken: true)]));
        Assert.Equal(PrefixUse.None, Choose(Tokens(100), [Kept(60, isTaken: true)], canFork: false).Use);
    }

    [Fact]
    public void Choose_TheWholePrompt_LeavesItsLastToken() => Assert.Equal(39, Choose(Tokens(40), [Kept(60)]).Cells);

    [Fact]
    public void Choose_AFewTokens_AreNotWorthIt() => Assert.Equal(PrefixUse.None, Choose([.. Tokens(PrefixChoice.LeastCells - 1), -1, -2], [Kept(60)]).Use);

    [Fact]
    public void Choose_StateThatCannotBeCut_ContinuesAtItsEndOrAPoint()
    {
        Assert.Equal(new PrefixPlan(PrefixUse.Continue, 0, 60), Choose(Tokens(100), [Kept(60, points: [34, 40])], canCut: false));
        Assert.Equal(new PrefixPlan(PrefixUse.Fork, 0, 40), Choose([.. Tokens(50), -1, -2], [Kept(60, points: [34, 40])], canCut: false));
        Assert.Equal(PrefixUse.None, Choose([.. Tokens(33), -1, -2], [Kept(60, points: [34, 40])], canCut: false).Use);
    }

    [Fact]
    public void PointsAhead_TheQuestionAndTheLastToken_WhereTheyAreWorthIt()
    {
        Assert.Equal([60, 99], PrefixChoice.PointsAhead(0, question: 60, prompt: 100));
        Assert.Equal([99], PrefixChoice.PointsAhead(0, question: PrefixChoice.LeastCells - 1, prompt: 100));
        Assert.Equal([99], PrefixChoice.PointsAhead(58, question: 60, prompt: 100)); // it has a state hardly before
        Assert.Equal([99], PrefixChoice.PointsAhead(60, question: 60, prompt: 100));
        Assert.Equal([99], PrefixChoice.PointsAhead(0, question: 99, prompt: 100));
    }
}
