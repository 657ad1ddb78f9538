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
        var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        var path = bench.File(id, "snapshot");
        File.WriteAllBytes(path, SnapshotEdit.Change(File.ReadAllBytes(path), head => head.Replace(boot, new string('0', 36), StringComparison.Ordinal)));
    }
}
