using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class SlotChoiceTests
{
    private const int Seed = 3;

    private static bool[] Active(string slots) => [.. slots.Select(static slot => slot == 'x')];

    [Theory]
    [InlineData("....", null, "-,-,-,-", 0)]
    [InlineData("..x.", null, "-,-,9,-", 1)] // beside the one that decodes
    [InlineData("..x.", null, "5,6,9,7", 1)] // the older of its two neighbours
    [InlineData("..x.", null, "5,6,9,-", 3)] // rather an empty one
    [InlineData("....", 2, "1,2,3,4", 2)] // where it is
    [InlineData("x...", 3, "9,1,2,3", 1)] // not beside: it moves
    [InlineData("xx.x", null, "9,9,1,9", 2)]
    [InlineData("xxxx", null, "9,9,9,9", null)]
    public void Choose_BesideTheOthers(string active, int? own, string lastUsed, int? expected) =>
        Assert.Equal(expected, SlotChoice.Choose(Active(active), own, [.. lastUsed.Split(',').Select(static used => used == "-" ? -1L : long.Parse(used))], staysPut: false));

    [Fact]
    public void Choose_WhereMovingCosts_ItStays() => Assert.Equal(3, SlotChoice.Choose(Active("x..."), 3, [9, 1, 2, 3], staysPut: true));

    [Fact]
    public void Gap_AnySlots_IsClosedInAtMostAsManyMovesAsThereAreSlots()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 10_000; round++)
        {
            var active = Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(2) == 0).ToArray();
            var count = active.Count(static slot => slot);
            var moves = 0;
            while (SlotChoice.Gap(active) is var (from, to))
            {
                Assert.True(active[from] && !active[to], $"seed {Seed}, round {round}");
                (active[from], active[to]) = (false, true);
                Assert.True(++moves <= active.Length, $"seed {Seed}, round {round}");
            }
            Assert.Equal(count, active.Count(static slot => slot));
            var first = Array.IndexOf(active, true);
            Assert.True(count == 0 || Array.LastIndexOf(active, true) - first + 1 == count, $"seed {Seed}, round {round}");
        }
    }
}
