using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class BatchPlannerTests
{
    private const int Seed = 5;
    private const int MicroBatch = 512;

    [Fact]
    public void Plan_OnePromptAlone_TakesAll() => Assert.Equal([512], BatchPlanner.Plan([new BatchWish(3000, 0)], MicroBatch, 16, 0));

    [Fact]
    public void Plan_APromptBesideADecodingOne_TakesWhatItIsGiven()
    {
        BatchWish[] wishes = [new(0, 10), new(3000, 60_000), new(0, 9)];
        Assert.Equal([1, 129, 1], BatchPlanner.Plan(wishes, MicroBatch, 129, 0));
        Assert.Equal([1, 16, 1], BatchPlanner.Plan(wishes, MicroBatch, 16, 0));
        Assert.Equal([1, 0, 1], BatchPlanner.Plan(wishes, MicroBatch, 0, 0));
    }

    [Fact]
    public void Plan_APromptAtDepth_TakesLittle() => Assert.Equal([128], BatchPlanner.Plan([new BatchWish(3000, 60_000)], MicroBatch, 16, 0));

    [Fact]
    public void Plan_TwoPrompts_ComeFirstInTurn()
    {
        BatchWish[] wishes = [new(3000, 0), new(3000, 0)];
        Assert.Equal([512, 0], BatchPlanner.Plan(wishes, MicroBatch, 16, 0));
        Assert.Equal([0, 512], BatchPlanner.Plan(wishes, MicroBatch, 16, 1));
        Assert.Equal([100, 412], BatchPlanner.Plan([new(100, 0), new(3000, 0)], MicroBatch, 16, 0));
    }

    [Fact]
    public void Plan_AnyWishes_EveryDecodingOneGetsItsToken_AndPromptsAreDoneInTime()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 100_000; round++)
        {
            var wishes = Enumerable.Range(0, random.Next(1, 9)).Select(_ => new BatchWish(random.Next(3) == 0 ? random.Next(1, 5000) : 0, random.Next(30_000))).ToArray();
            var counts = BatchPlanner.Plan(wishes, MicroBatch, random.Next(1, 200), random.Next());
            var prompts = 0;
            for (var i = 0; i < wishes.Length; i++)
            {
                if (wishes[i].PromptLeft == 0) Assert.Equal(1, counts[i]);
                else Assert.InRange(counts[i], 0, wishes[i].PromptLeft);
                prompts += wishes[i].PromptLeft == 0 ? 0 : counts[i];
            }
            Assert.True(counts.Sum() <= MicroBatch + wishes.Length, $"seed {Seed}, round {round}");
            Assert.True(prompts > 0 || wishes.All(static wish => wish.PromptLeft == 0), $"seed {Seed}, round {round}: no prompt moved");
        }
    }
}
