using System.Text;
using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Tests.Supply;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>Real file systems of a few megabytes that fill up.</summary>
public sealed class SessionDiskTests
{
    private static readonly int[] Tokens = SessionBench.Tokens(2000, 1);

    [Fact]
    public void Reserve_FullDisk_IsToldBeforeAnythingIsWrittenAndTheSnapshotStands()
    {
        using var disk = Mount(6);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        using (var session = bench.Create("a"))
        {
            Canary.Decode(session, 0, Tokens[..500]);
            session.Save(Canary.Snapshot(Tokens[..500]));
            var full = Assert.Throws<StokerException>(() => session.Chain!.Own.Reserve(Canary.Layout, 500, 8000));
            Assert.Equal(ErrorKind.OutOfSpace, full.Kind);
            Assert.Contains("disk is full", full.Message);
            SessionBench.AssertCells(session);
        }
        using var again = bench.Open("a");
        Assert.Equal(500, again.Snapshot.Cells);
        disk.Grow(20);
        Canary.Decode(again, 500, Tokens);
        again.Save(Canary.Snapshot(Tokens));
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Reserve_FullDisk_ThePromptCacheGoesFirst()
    {
        using var disk = Mount(4);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        var cached = bench.Keep(null, Tokens);
        using var session = bench.Create("a");
        Canary.Decode(session, 0, Tokens);
        session.Save(Canary.Snapshot(Tokens));
        Assert.Null(bench.Store.Find(cached));
        SessionBench.AssertCells(session);
    }

    [Theory]
    [InlineData("save")]
    [InlineData("create")]
    [InlineData("move back")]
    [InlineData("rename")]
    public void FullDisk_WhatIsSmallIsWrittenToo_ThePromptCacheGoesFirst(string what)
    {
        using var disk = Mount(8);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        var cached = bench.Keep(null, Tokens[..200]);
        bench.Keep("b", Tokens[..100]);
        using var session = bench.Create("a");
        Canary.Decode(session, 0, Tokens[..500]);
        session.Save(Canary.Snapshot(Tokens[..400]));
        disk.Fill();
        if (what == "save") session.Save(Canary.Snapshot(Tokens[..500]));
        else if (what == "create") bench.Create("c").Dispose();
        else if (what == "move back") session.MoveBack(300);
        else bench.Store.Rename("b", "c");
        Assert.Null(bench.Store.Find(cached));
        SessionBench.AssertCells(session);
        Assert.NotNull(bench.Store.Find(what is "save" or "move back" ? "b" : "c"));
    }

    [Fact]
    public void Save_FullDisk_LeavesNothingBehindAndTheSnapshotStands()
    {
        using var disk = Mount(4);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        using var session = bench.Create("a");
        Canary.Decode(session, 0, Tokens);
        session.Save(Canary.Snapshot(Tokens[..50]));
        disk.Fill();
        Assert.Equal(ErrorKind.OutOfSpace, Assert.Throws<StokerException>(() => session.Save(Canary.Snapshot(Tokens))).Kind);
        Assert.Equal(ErrorKind.OutOfSpace, Assert.Throws<StokerException>(() => bench.Create("b")).Kind);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(bench.Root, "*", SearchOption.AllDirectories), static path => path.Contains("new", StringComparison.Ordinal));
        Assert.Equal(50, bench.Store.Read("a").Cells);
    }

    [Fact]
    public async Task Export_FullDisk_OfASessionThatSharesItsCells_Works()
    {
        using var disk = Mount(8);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        bench.Keep("a", Tokens);
        bench.Store.Fork("a", "b");
        disk.Fill();
        using var archive = new MemoryStream();
        await bench.Store.ExportAsync("a", null, _ => Task.FromResult<Stream>(archive), TestContext.Current.CancellationToken);
        Assert.True(archive.Length > Tokens.Length * Canary.Layout.CellBytes);
        using var other = new SessionBench();
        archive.Position = 0;
        Assert.Equal(Tokens.Length, (await other.Store.ImportAsync("a", "", archive, TestContext.Current.CancellationToken)).Cells);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_FullDisk_AfterAKill_ReadsWhatIsInDoubt_AndForgetsNoDoubtThatItCannotSettle(bool damaged)
    {
        using var disk = Mount(8);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        var id = bench.Keep("a", Tokens);
        if (damaged)
        {
            using var cells = File.OpenHandle(bench.File(id, "kv-1"), FileMode.Open, FileAccess.Write);
            RandomAccess.Write(cells, [0xAA, 0x55], 600 * Canary.Layout.Regions[0].RowBytes);
        }
        using (var file = File.OpenHandle(bench.File(id, "lock"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            RandomAccess.Write(file, Encoding.ASCII.GetBytes($"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 999999 0".PadRight(199) + "\n"), 0);
        var filler = disk.Fill();
        if (damaged) // nor can be written what is left of it
        {
            Assert.Equal(ErrorKind.OutOfSpace, Assert.Throws<StokerException>(() => bench.Open("a")).Kind);
            Assert.Equal(SessionState.Idle, bench.Store.Find("a")!.State);
            File.Delete(filler);
        }
        using var again = bench.Open("a");
        Assert.Equal(damaged ? 512 : Tokens.Length, again.Snapshot.Cells);
        Assert.Null(again.Doubt);
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Save_ReadOnlyDisk_IsToldAndTheSnapshotStands()
    {
        using var disk = Mount(6);
        using var bench = new SessionBench(Path.Combine(disk.Path, "sessions"));
        using var session = bench.Create("a");
        Canary.Decode(session, 0, Tokens[..50]);
        session.Save(Canary.Snapshot(Tokens[..50]));
        session.Dispose();
        disk.MakeReadOnly();
        Assert.Equal(ErrorKind.Io, Assert.Throws<StokerException>(() => bench.Create("b")).Kind);
        Assert.Equal(ErrorKind.Io, Assert.Throws<StokerException>(() => bench.Open("a")).Kind);
        Assert.Equal(Tokens[..50], bench.Store.Read("a").Tokens);
    }

    private static TinyDisk Mount(int megabytes)
    {
        var disk = TinyDisk.TryMount(megabytes);
        if (disk is null) Assert.Skip("SKIPPED: a small file system cannot be mounted here (that needs root).");
        return disk;
    }
}
