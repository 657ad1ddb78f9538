using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

public sealed class ChainCutTests
{
    private const long Megabyte = 1 << 20;

    public static TheoryData<int[], long, int?> Chains => new()
    {
        { [], 1, null },
        { [.. Steps(8)], 1, null }, // few enough
        { [.. Steps(9)], 1, 0 }, // the first of equals
        { [1000, 1100, 1200, 1210, 1220, 1300, 1400, 1500, 1600], 1, 3 },
        { [1000, 1100, 1200, 1300, 1400, 1500, 1600, 1601, 1602], 1, 7 }, // the last ones
        { [.. Steps(9)], Megabyte, null }, // 200 MiB to copy: borne
        { [.. Steps(ChainCut.MostShared)], Megabyte, null },
        { [.. Steps(ChainCut.MostShared + 1)], Megabyte, 0 }, // too many
        { [1, 2, .. Steps(8)], 32 * Megabyte, 0 },
    };

    [Theory]
    [MemberData(nameof(Chains))]
    public void Pair_OfSomeFiles_IsTheCheapestOrNone(int[] ends, long cellBytes, int? expected) => Assert.Equal(expected, ChainCut.Pair(ends, cellBytes));

    [Fact]
    public void Pair_OfAChainThatGrowsEachTurn_CopiesLittleAtATime()
    {
        const int turns = 100, cells = 100;
        List<int> ends = [];
        var (copied, most) = (0L, 0);
        for (var turn = 1; turn <= turns; turn++)
        {
            ends.Add(turn * cells);
            if (ChainCut.Pair(ends, cellBytes: 1) is not { } first) continue;
            var pair = ends[first + 1] - (first == 0 ? 0 : ends[first - 1]);
            copied += pair;
            most = Math.Max(most, pair);
            ends.RemoveAt(first);
        }
        Assert.Equal(ChainCut.MaxShared, ends.Count);
        Assert.InRange(most, 2 * cells, turns * cells / 4);
        Assert.InRange(copied, 1, 8L * turns * cells);
    }

    private static IEnumerable<int> Steps(int count) => Enumerable.Range(1, count).Select(static i => i * 100);
}
