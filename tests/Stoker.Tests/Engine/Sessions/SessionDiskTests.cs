using SessionLab;
using Stoker.Core.Errors;
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
