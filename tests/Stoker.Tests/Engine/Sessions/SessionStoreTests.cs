using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

public sealed class SessionStoreTests
{
    private static readonly int[] Long = SessionBench.Tokens(700, 1);

    [Fact]
    public void Open_AfterSaveAndClose_FindsEverything()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Long);
        using var again = bench.Open("a");
        Assert.Null(again.Damage);
        Assert.Equal(Long, again.Snapshot.Tokens);
        Assert.Equal("700 tokens", again.Snapshot.Messages.Single().Content);
        Assert.Equal([1, 2, 3], again.Snapshot.SamplerState.ToArray());
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Create_WhatLies_IsTheOwnersAlone()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Long);
        var folder = Directory.GetDirectories(bench.Root).Single();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(bench.Root));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
        Assert.All(Directory.GetFiles(folder), static file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData(".hidden")]
    [InlineData("-rf")]
    [InlineData("a\nb")]
    [InlineData("0123456789abcdef")]
    public void Create_HostileName_IsRefused(string name)
    {
        using var bench = new SessionBench();
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => bench.Create(name)).Kind);
        Assert.False(Directory.Exists(bench.Root) && Directory.GetDirectories(bench.Root).Length > 0);
        Assert.Null(bench.Store.Find(name));
    }

    [Fact]
    public void Create_TakenName_IsRefusedWithinItsScopeAlone()
    {
        using var bench = new SessionBench();
        bench.Create("a", "one").Dispose();
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<StokerException>(() => bench.Create("a", "one")).Kind);
        bench.Create("a", "two").Dispose();
        Assert.NotEqual(bench.Store.Find("a", "one")!.Id, bench.Store.Find("a", "two")!.Id);
        Assert.Null(bench.Store.Find(bench.Store.Find("a", "one")!.Id, "two"));
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<StokerException>(() => bench.Store.Find("a")).Kind);
    }

    [Fact]
    public void Open_Held_IsBusy()
    {
        using var bench = new SessionBench();
        using var held = bench.Create("a");
        Assert.Equal(SessionState.InUse, bench.Store.Find("a")!.State);
        Assert.Equal(ErrorKind.Busy, Assert.Throws<StokerException>(() => bench.Open("a")).Kind);
        Assert.Equal(ErrorKind.Busy, Assert.Throws<StokerException>(() => bench.Store.Remove("a")).Kind);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<StokerException>(() => bench.Open("b")).Kind);
    }

    public static TheoryData<string, SessionIdentity> OtherIdentities => new()
    {
        { "weights", Canary.Identity with { ModelDigest = "sha256:b" } },
        { "llama 2", Canary.Identity with { Runtime = "llama 2" } },
        { "--kv-type q8_0", Canary.Identity with { KvTypes = "q8_0/q8_0" } },
        { "position", Canary.Identity with { Rope = "1" } },
        { "shape", Canary.Identity with { Shape = "4 layers" } },
    };

    [Theory]
    [MemberData(nameof(OtherIdentities))]
    public void Open_BelongingElsewhere_IsRefusedAndUnharmed(string word, SessionIdentity identity)
    {
        using var bench = new SessionBench();
        bench.Keep("a", Long);
        var refusal = Assert.Throws<StokerException>(() => bench.Store.Open("a", null, identity, Canary.Layout));
        Assert.Equal(ErrorKind.Conflict, refusal.Kind);
        Assert.Contains(word, refusal.Message);
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<StokerException>(() => bench.Store.Open("a", null, Canary.Identity, null)).Kind);
        using var again = bench.Open("a");
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Save_OtherTokensThanTheLastSnapshots_AsksToMoveBackFirst()
    {
        using var bench = new SessionBench();
        using var session = bench.Create("a");
        Canary.Decode(session, 0, Long);
        session.Save(Canary.Snapshot(Long));
        Assert.Throws<InvalidOperationException>(() => session.Save(Canary.Snapshot(Long[..600])));
        Assert.False(session.MoveBack(600));
        var edited = Long[..600].Concat(SessionBench.Tokens(40, 2)).ToArray();
        Canary.Decode(session, 600, edited);
        session.Save(Canary.Snapshot(edited));
        SessionBench.AssertCells(session);
    }

    [Fact]
    public void Fork_ParentAndChildGoOn_EachKeepsItsOwn()
    {
        using var bench = new SessionBench();
        using var parent = bench.Create("p");
        Canary.Decode(parent, 0, Long);
        parent.Save(Canary.Snapshot(Long));
        using var child = parent.Fork("c");
        Grow(child, 2, 900);
        Grow(parent, 3, 800);
        Assert.True(parent.MoveBack(650)); // its file is shared now
        Grow(parent, 4, 1000);
        using var second = child.Fork(null, Canary.Snapshot(child.Snapshot.Tokens.Take(100).ToArray()));
        Grow(second, 5, 300);
        foreach (var session in new[] { parent, child, second }) SessionBench.AssertCells(session);

        var sizes = bench.Store.List().Concat(bench.Store.ListCache()).ToDictionary(static session => session.Name ?? "second");
        Assert.True(sizes["c"].OwnBytes < 900 * Canary.Layout.CellBytes / 2, $"{sizes["c"]}");
        Assert.True(sizes["c"].SharedBytes > 0);
    }

    [Fact]
    public void Fork_ParentRemoved_ChildKeepsTheCells()
    {
        using var bench = new SessionBench();
        bench.Keep("p", Long);
        bench.Store.Fork("p", "c");
        bench.Store.Remove("p");
        Assert.Null(bench.Store.Find("p"));
        using var child = bench.Open("c");
        SessionBench.AssertCells(child);
        Assert.False(child.Chain!.Shared[0].File.IsShared);
    }

    [Fact]
    public void Fork_ManyGenerations_BoundsTheFilesOfAChain()
    {
        using var bench = new SessionBench();
        var session = bench.Create("g0");
        Grow(session, 0, 50);
        for (var generation = 1; generation <= 20; generation++)
        {
            var child = session.Fork($"g{generation}");
            session.Dispose();
            session = child;
            Grow(session, generation, 50 + (generation * 30));
            Assert.InRange(session.Chain!.Shared.Count, 0, ChainCut.MaxShared);
        }
        SessionBench.AssertCells(session);
        session.Dispose();
        using var first = bench.Open("g0");
        SessionBench.AssertCells(first);
    }

    [Fact]
    public void Rename_TakenName_IsRefused()
    {
        using var bench = new SessionBench();
        bench.Create("a").Dispose();
        bench.Create("b").Dispose();
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<StokerException>(() => bench.Store.Rename("a", "b")).Kind);
        bench.Store.Rename("a", "c");
        Assert.Null(bench.Store.Find("a"));
        Assert.Equal("c", bench.Store.Find("c")!.Name);
    }

    [Fact]
    public void Recover_LeftoversOfKilledProcesses_AreRemoved()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Long);
        Directory.CreateDirectory(Path.Combine(bench.Root, ".new-0123456789abcdef"));
        Directory.CreateDirectory(Path.Combine(bench.Root, ".gone-0123456789abcdef", "x"));
        Assert.Equal(2, bench.Store.Recover());
        Assert.Single(Directory.GetDirectories(bench.Root));
        Assert.Equal("a", bench.Store.List().Single().Name);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recover_NamingThatWasCutOff_IsFinishedUnlessTheNameIsTaken(bool taken)
    {
        using var bench = new SessionBench();
        var id = bench.Keep(null, Long);
        // A kill after the label was written and before the folder was moved.
        var label = bench.CacheFile(id, "label.json");
        File.WriteAllText(label, File.ReadAllText(label).Replace("\"scope\"", "\"name\":\"n\",\"scope\"", StringComparison.Ordinal));
        Assert.Null(bench.Store.Find("n"));
        if (taken) bench.Create("n").Dispose();
        Assert.Equal(0, bench.Store.Recover());
        if (taken) Assert.Null(bench.Store.Find(id)!.Name);
        else Assert.Equal(id, bench.Store.Find("n")!.Id);
        Assert.Equal(taken ? 1 : 0, bench.Store.ListCache().Count);
        using var session = bench.Open(id);
        SessionBench.AssertCells(session);
    }

    [Fact]
    public void TrimCache_LabelThatAPowerCutTook_GoesLikeAnyOther()
    {
        using var bench = new SessionBench();
        var id = bench.Keep(null, Long);
        File.WriteAllText(bench.CacheFile(id, "label.json"), "");
        bench.Store.TrimCache(0);
        Assert.Empty(Directory.GetDirectories(Path.Combine(bench.Root, "cache")));
    }

    [Fact]
    public void Check_Cancelled_LeavesTheDoubtToTheNext_AndAtRestThereIsNone()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", Long);
        void Killed(int cells) => File.WriteAllText(bench.File(id, "lock"), $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 1 {cells}");
        OpenSession Open() => bench.Store.OpenInDoubt("a", null, Canary.Identity, Canary.Layout);
        Killed(0);
        using (var session = Open())
        {
            Assert.Equal(0, session.Doubt);
            Assert.ThrowsAny<OperationCanceledException>(() => session.Check(null, new CancellationToken(canceled: true)));
        }
        Assert.Equal(SessionState.Idle, bench.Store.Find("a")!.State);
        using (var session = Open())
        {
            Assert.Equal(0, session.Doubt);
            session.Check(null, CancellationToken.None);
            Assert.Null(session.Doubt);
        }
        Killed(Long.Length);
        using (var session = Open()) Assert.Null(session.Doubt);
    }

    [Fact]
    public void Claim_OverQuota_PromptCacheGoesOldestFirstAndNamedStay()
    {
        var perSession = 700 * Canary.Layout.CellBytes;
        using var bench = new SessionBench(quota: 4 * perSession);
        bench.Keep("named", Long);
        var old = bench.Keep(null, Long);
        var recent = bench.Keep(null, Long);
        File.SetLastWriteTimeUtc(bench.CacheFile(old, "lock"), new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        bench.Keep("more", Long);
        Assert.Null(bench.Store.Find(old));
        Assert.NotNull(bench.Store.Find(recent));
        bench.Keep("most", Long);
        Assert.Null(bench.Store.Find(recent));
        Assert.Equal(ErrorKind.OutOfSpace, Assert.Throws<StokerException>(() => bench.Keep("too-much", Long)).Kind);
        Assert.NotNull(bench.Store.Find("named"));
    }

    private static void Grow(OpenSession session, int seed, int cells)
    {
        var tokens = session.Snapshot.Tokens.Concat(SessionBench.Tokens(cells, seed)).Take(cells).ToArray();
        Canary.Decode(session, session.Snapshot.Cells, tokens);
        session.Save(Canary.Snapshot(tokens));
    }
}
