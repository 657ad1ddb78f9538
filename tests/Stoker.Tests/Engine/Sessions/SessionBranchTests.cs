using SessionLab;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>Branches of conversations that are being decoded: made at once, sharing what is there, whatever happens to the parent.</summary>
public sealed class SessionBranchTests
{
    private static readonly int[] Long = SessionBench.Tokens(700, 1);

    [Fact]
    public async Task Branch_WhileASaveIsHeldUp_DoesNotWaitForIt()
    {
        var clock = new HeldClock();
        using var bench = new SessionBench(time: clock);
        using var parent = bench.Create(null);
        Canary.Decode(parent, 0, Long);
        parent.Save(Canary.Snapshot(Long[..300]));
        clock.HoldNext();
        var save = Task.Run(() => parent.Save(Canary.Snapshot(Long[..600])), TestContext.Current.CancellationToken);
        await clock.Held.WaitAsync(TestContext.Current.CancellationToken);

        var branching = Task.Run(() => parent.Branch(650), TestContext.Current.CancellationToken);
        try
        {
            var first = await Task.WhenAny(branching, Task.Delay(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            Assert.Same(branching, first);
        }
        finally
        {
            clock.LetGo();
            await save;
        }
        using var branch = await branching;
        Assert.Equal(600, parent.Snapshot.Cells);
        Finish(branch, Long[..650], seed: 2);
        parent.MoveBack(610);
        Finish(parent, Long[..610], seed: 3);
        SessionBench.AssertCells(branch);
        SessionBench.AssertCells(parent);
    }

    [Fact]
    public void Branch_OfTheEighthBranchOfABranch_CopiesItsSmallestFilesAlone()
    {
        using var bench = new SessionBench();
        var tokens = SessionBench.Tokens(1200, 1);
        var session = bench.Create(null);
        Finish(session, [], tokens);
        for (var generation = 1; generation <= ChainCut.MaxShared + 3; generation++)
        {
            var child = session.Branch(tokens.Length);
            session.Dispose();
            session = child;
            tokens = [.. tokens, .. SessionBench.Tokens(10, generation)];
            Finish(session, tokens[..^10], tokens);
            Assert.InRange(session.Chain!.Shared.Count, 1, ChainCut.MaxShared);
            SessionBench.AssertCells(session);
            // What it does not share is small: the 1200 cells that it begins with are copied by nobody.
            Assert.InRange(bench.Store.Find(session.Id)!.OwnBytes, 1, 300 * Canary.Layout.CellBytes);
        }
        session.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_ParentThatLostWhatAForkReads_GoesOnInAnotherFile(bool doubtful)
    {
        using var bench = new SessionBench();
        string id;
        using (var parent = bench.Create("p"))
        {
            id = parent.Id;
            Canary.Decode(parent, 0, Long);
            parent.Save(Canary.Snapshot(Long[..300]));
            using var child = parent.Fork("c", Canary.Snapshot(Long)); // reads further than the parent was saved
        }
        if (doubtful) System.IO.File.WriteAllText(bench.File(id, "lock"), $"{System.IO.File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 999999 0\n");
        using (var parent = bench.Open("p")) Finish(parent, Long[..300], seed: 2);
        foreach (var name in new[] { "p", "c" })
        {
            Assert.Null(bench.Store.Verify(name, null, null, TestContext.Current.CancellationToken).Damage);
            using var session = bench.Open(name);
            SessionBench.AssertCells(session);
        }
    }

    [Theory]
    [InlineData(300)]
    [InlineData(0)] // nothing was saved yet
    public void MoveBack_ToBetweenWhatWasSavedAndWhatWasWritten_BesideABranch_LeavesASessionThatOpens(int saved)
    {
        using var bench = new SessionBench();
        string id;
        using (var parent = bench.Create("p"))
        {
            id = parent.Id;
            Canary.Decode(parent, 0, Long);
            if (saved > 0) parent.Save(Canary.Snapshot(Long[..saved]));
            using var branch = parent.Branch(650);
            Finish(branch, Long[..650], seed: 2);
            Assert.True(parent.MoveBack(500)); // an edit of what was never saved
            Canary.Decode(parent, 500, [.. Long[..500], .. SessionBench.Tokens(150, 4)]);
            SessionBench.AssertCells(branch);
        }
        Assert.Equal(saved > 0 ? SessionState.Idle : SessionState.Empty, bench.Store.Find("p")!.State);
        using var again = bench.Open("p");
        Assert.Null(again.Damage);
        Assert.Equal(saved, again.Snapshot.Cells);
        SessionBench.AssertCells(again);
        Finish(again, Long[..saved], seed: 3);
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void MoveBack_IntoWhatANewSessionShares_LeavesASessionThatOpens()
    {
        using var bench = new SessionBench();
        using var parent = bench.Create(null);
        Finish(parent, [], Long);
        using (var fresh = bench.Create("f"))
        {
            Assert.True(fresh.BeginLike(parent, 650));
            fresh.MoveBack(400);
        }
        using var again = bench.Open("f");
        Assert.Equal(0, again.Snapshot.Cells);
        Finish(again, [], seed: 3);
        SessionBench.AssertCells(again);
        SessionBench.AssertCells(parent);
    }

    private static void Finish(OpenSession session, int[] begun, int seed) => Finish(session, begun, [.. begun, .. SessionBench.Tokens(150, seed)]);

    private static void Finish(OpenSession session, int[] begun, int[] tokens)
    {
        Canary.Decode(session, begun.Length, tokens);
        session.Save(Canary.Snapshot(tokens));
    }
}
