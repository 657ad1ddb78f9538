using Stoker.Core.Progress;

namespace Stoker.Tests.Core.Progress;

public sealed class StageBoardTests
{
    [Fact]
    public void Snapshot_AfterManyReports_HasTheLatestOfEachInOrderOfAppearance()
    {
        var board = new StageBoard();
        board.Report(Fetch("a", 1));
        board.Report(Fetch("b", 2));
        board.Report(Fetch("a", 3));

        Assert.Equal([Fetch("a", 3), Fetch("b", 2)], board.Snapshot());
    }

    [Fact]
    public void TakeChanged_CalledTwice_GivesEachChangeOnce()
    {
        var board = new StageBoard();
        board.Report(Fetch("a", 1));
        board.Report(Fetch("b", 2));
        Assert.Equal(2, board.TakeChanged().Count);
        Assert.Empty(board.TakeChanged());

        board.Report(Fetch("b", 9));
        Assert.Equal([Fetch("b", 9)], board.TakeChanged());
    }

    [Fact]
    public void Report_MoreItemsThanItHolds_StaysBounded()
    {
        var board = new StageBoard();
        for (var i = 0; i < StageBoard.MaxItems * 3; i++) board.Report(Fetch($"file-{i}", i));
        Assert.Equal(StageBoard.MaxItems, board.Snapshot().Count);

        board.Report(Fetch("file-0", 77));
        Assert.Equal(77, board.Snapshot()[0].DoneBytes);
    }

    [Fact]
    public async Task Report_FromManyThreads_LosesNoLastReport()
    {
        var board = new StageBoard();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() =>
        {
            for (var i = 0; i <= 1000; i++) board.Report(Fetch($"worker-{worker}", i));
        })));
        Assert.All(board.Snapshot(), item => Assert.Equal(1000, item.DoneBytes));
        Assert.Equal(8, board.Snapshot().Count);
    }

    private static StageProgress Fetch(string item, long done) => new(Stage.Fetch, item, done, null, 0, IsDone: false);
}
