using SessionLab;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>Damaged cells: found by reading all, and at opening where something was left unclean.</summary>
public sealed class SessionVerifyTests
{
    private static readonly int[] Tokens = SessionBench.Tokens(900, 1);

    [Fact]
    public void Verify_OneBitOfACell_NamesTheCells()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        Assert.Null(bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
        Damage(bench.File(id, "kv-1"), cell: 600);
        Assert.Contains("cells 512 to 767", bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
    }

    [Fact]
    public void Verify_FoundBad_TheNextToOpenItGivesThoseCellsUp()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        Damage(bench.File(id, "kv-1"), cell: 600);
        Assert.NotNull(bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
        using (var again = bench.Open("a"))
        {
            Assert.Equal(Tokens[..512], again.Snapshot.Tokens);
            Assert.Equal("900 tokens", again.Snapshot.Messages.Single().Content);
        }
        Assert.Null(bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
    }

    [Fact]
    public void Verify_WhileItIsOpenAndGoesOn_HoldsNobodyUp()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Tokens);
        using var open = bench.Open("a");
        var more = Tokens.Concat(SessionBench.Tokens(300, 2)).ToArray();
        // In the middle of the reading its answer goes on, and is saved.
        var goesOn = new OnFirst(() =>
        {
            Canary.Decode(open, Tokens.Length, more);
            open.Save(Canary.Snapshot(more));
        });
        Assert.Null(bench.Store.Verify("a", null, goesOn, TestContext.Current.CancellationToken).Damage);
        // And now it is moved back, and those cells become others.
        var other = Tokens[..300].Concat(SessionBench.Tokens(600, 3)).ToArray();
        var goesBack = new OnFirst(() =>
        {
            open.MoveBack(300);
            Canary.Decode(open, 300, other);
            open.Save(Canary.Snapshot(other));
        });
        var check = bench.Store.Verify("a", null, goesBack, TestContext.Current.CancellationToken);
        Assert.True(goesBack.IsDone);
        Assert.Null(check.Damage);
        Assert.Equal(other.Length, check.Cells);
    }

    [Fact]
    public void Open_ClosedCleanly_ReadsNoCells()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        Damage(bench.File(id, "kv-1"), cell: 600);
        using var again = bench.Open("a");
        Assert.Null(again.Damage);
    }

    [Fact]
    public void Open_AfterAKill_GivesUpDamagedCellsAndKeepsTheText()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        Damage(bench.File(id, "kv-1"), cell: 600);
        LeaveOpen(bench, id, cells: 300);
        using (var again = bench.Open("a"))
        {
            Assert.Contains("512", again.Damage);
            Assert.Equal(Tokens[..512], again.Snapshot.Tokens);
            Assert.Equal("900 tokens", again.Snapshot.Messages.Single().Content);
            SessionBench.AssertCells(again);
        }
        using var once = bench.Open("a");
        Assert.Null(once.Damage);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public void Open_FileCutShort_BeginsAnotherAndKeepsTheText(long length)
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        using (var file = File.OpenHandle(bench.File(id, "kv-1"), FileMode.Open, FileAccess.Write)) RandomAccess.SetLength(file, length);
        Assert.Contains("cut short", bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
        using (var again = bench.Open("a"))
        {
            Assert.Contains("cut short", again.Damage);
            Assert.Empty(again.Snapshot.Tokens);
            Assert.Equal("900 tokens", again.Snapshot.Messages.Single().Content);
            Canary.Decode(again, 0, Tokens);
            again.Save(Canary.Snapshot(Tokens));
        }
        Assert.False(File.Exists(bench.File(id, "kv-1")));
        using var once = bench.Open("a");
        Assert.Null(once.Damage);
        SessionBench.AssertCells(once);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CellsBeyondTheSnapshot_ClosedOrKilled_TakeNoSpaceAfter(bool killed)
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens[..500]);
        var kept = bench.Store.Find("a")!.OwnBytes;
        if (killed)
        {
            var layout = SessionBench.Layout;
            using (var file = KvFile.Open(bench.File(id, "kv-1"))) file.Reserve(layout, 500, 5000);
            Assert.True(bench.Store.Find("a")!.OwnBytes > 2 * kept);
            LeaveOpen(bench, id, cells: 500);
            bench.Open("a").Dispose();
        }
        else
        {
            using var session = bench.Open("a");
            Canary.Decode(session, 500, Tokens);
        }
        Assert.InRange(bench.Store.Find("a")!.OwnBytes, 1, kept + 8192); // but for the mark in its lock
        using var again = bench.Open("a");
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void CellsBeyondTheSnapshot_ThatAForkReads_Stay()
    {
        using var bench = new SessionBench();
        using (var parent = bench.Create("a"))
        {
            Canary.Decode(parent, 0, Tokens);
            parent.Save(Canary.Snapshot(Tokens[..300]));
            using var child = parent.Fork("b", Canary.Snapshot(Tokens));
        }
        using var fork = bench.Open("b");
        Assert.Equal(Tokens.Length, fork.Snapshot.Cells);
        SessionBench.AssertCells(fork);
    }

    [Fact]
    public void Open_AfterAKill_TrustsWhatWasThereBefore()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        Damage(bench.File(id, "kv-1"), cell: 100);
        LeaveOpen(bench, id, cells: 700);
        using var again = bench.Open("a");
        Assert.Null(again.Damage);
    }

    [Fact]
    public void Open_InAnotherStartOfTheMachine_ReadsWhatWasNotKnownToBeOnTheDisk()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        OtherBoot(bench, id);
        Damage(bench.File(id, "kv-1"), cell: 5);
        using var again = bench.Open("a");
        Assert.Equal(0, again.Snapshot.Cells);

        using var durable = new SessionBench(sync: true);
        id = durable.Keep("a", Tokens);
        OtherBoot(durable, id);
        Damage(durable.File(id, "kv-1"), cell: 5);
        using var trusted = durable.Open("a");
        Assert.Null(trusted.Damage);
    }

    [Fact]
    public void Open_OfThePromptCacheInAnotherStartOfTheMachine_IsReadAgainAlsoWithSync()
    {
        using var bench = new SessionBench(sync: true);
        var id = bench.Keep(null, Tokens);
        OtherBoot(bench.CacheFile(id, "snapshot"));
        Damage(bench.CacheFile(id, "kv-1"), cell: 600);
        using var again = bench.Open(id);
        Assert.Equal(512, again.Snapshot.Cells);
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Fork_WithoutSyncOfWhatWasSynced_KnowsNothingToBeOnTheDisk()
    {
        using var durable = new SessionBench(sync: true);
        var id = durable.Keep("p", Tokens);
        using var bench = new SessionBench(durable.Root);
        using var parent = bench.Open("p");
        using var child = parent.Fork("c"); // has a copy of the page in the middle of which it begins
        Assert.Contains($"\"syncedCells\":{Tokens.Length},", File.ReadAllText(bench.File(id, "snapshot")));
        Assert.Contains("\"syncedCells\":0,", File.ReadAllText(bench.File(child.Id, "snapshot")));
        Assert.True(parent.MoveBack(Tokens.Length)); // into another file, with such a copy too
        Assert.Contains("\"syncedCells\":0,", File.ReadAllText(bench.File(id, "snapshot")));
    }

    [Fact]
    public void Open_AfterAKill_RemovesFilesThatItsSnapshotDoesNotName()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        File.WriteAllText(bench.File(id, "kv-2"), "of an edit that was never saved");
        LeaveOpen(bench, id, cells: Tokens.Length);
        using var again = bench.Open("a");
        Assert.False(File.Exists(bench.File(id, "kv-2")));
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Open_MissingCells_KeepsTheText()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Tokens);
        File.Delete(bench.File(id, "kv-1"));
        Assert.NotNull(bench.Store.Verify("a", null, null, TestContext.Current.CancellationToken).Damage);
        using var again = bench.Open("a");
        Assert.NotNull(again.Damage);
        Assert.Equal(0, again.Snapshot.Cells);
        Assert.Single(again.Snapshot.Messages);
        Canary.Decode(again, 0, Tokens);
        again.Save(Canary.Snapshot(Tokens));
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Open_StateThatCannotBeCut_GoesBackToNothing()
    {
        using var bench = new SessionBench();
        string id;
        using (var session = bench.Create("a"))
        {
            id = session.Id;
            Canary.Decode(session, 0, Tokens);
            session.Save(Canary.Snapshot(Tokens) with { State = new byte[] { 9 } });
            Assert.Throws<ArgumentException>(() => session.MoveBack(5));
        }
        Damage(bench.File(id, "kv-1"), cell: 600);
        LeaveOpen(bench, id, cells: 0);
        using var again = bench.Open("a");
        Assert.Equal(0, again.Snapshot.Cells);
        Assert.True(again.Snapshot.State.IsEmpty);
    }

    private static void Damage(string path, int cell)
    {
        using var file = Files.OpenForUpdate(path, create: false);
        var place = Canary.Layout.Regions[2].FileOffset + (cell * Canary.Layout.Regions[2].RowBytes);
        var one = new byte[1];
        RandomAccess.Read(file, one, place);
        one[0] ^= 1;
        RandomAccess.Write(file, one, place);
    }

    private static void LeaveOpen(SessionBench bench, string id, int cells) =>
        File.WriteAllText(bench.File(id, "lock"), $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 999999 {cells}\n");

    private static void OtherBoot(SessionBench bench, string id)
    {
        OtherBoot(bench.File(id, "snapshot"));
    }

    private static void OtherBoot(string path)
    {
        var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        File.WriteAllBytes(path, SnapshotEdit.Change(File.ReadAllBytes(path), head => head.Replace(boot, new string('0', 36), StringComparison.Ordinal)));
    }

    private sealed class OnFirst(Action act) : IProgress<long>
    {
        public bool IsDone { get; private set; }

        public void Report(long value)
        {
            if (IsDone) return;
            IsDone = true;
            act();
        }
    }
}
