using System.Collections.Concurrent;
using SessionLab;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>Kept conversations are read again now and then, while nothing else is done.</summary>
public sealed class SessionScrubTests
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    [Fact]
    public void Due_TheOldestReadingThatIsTooOld_OfThoseAtRest()
    {
        var now = new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
        SessionSummary Of(string id, double createdDays, double? verifiedDays, SessionState state = SessionState.Idle, int cells = 5) => new()
        {
            Id = id, Scope = "", State = state, CreatedAt = now.AddDays(-createdDays), UsedAt = now, VerifiedAt = verifiedDays is { } days ? now.AddDays(-days) : null, Cells = cells,
        };
        Assert.Null(SessionScrub.Due([Of("new", 1, null), Of("read", 90, 1), Of("used", 90, null, SessionState.InUse), Of("empty", 90, null, cells: 0)], now, Week));
        Assert.Equal("older", SessionScrub.Due([Of("old", 8, null), Of("older", 90, 9), Of("read", 90, 1)], now, Week)?.Id);
    }

    [Fact]
    public async Task Scrub_QuietForLong_FindsDamageAndPutsItInDoubt()
    {
        var time = new ManualTimeProvider();
        using var folder = new TempFolder();
        var store = new SessionStore(new SessionStoreOptions { Root = folder.File("sessions") }, time);
        var tokens = SessionBench.Tokens(900, 1);
        foreach (var name in new[] { "good", "bad" })
        {
            using var session = store.Create(name, "", Canary.Identity, Canary.Layout);
            Canary.Decode(session, 0, tokens);
            session.Save(Canary.Snapshot(tokens));
        }
        var bad = store.Find("bad")!.Id;
        await using (var cells = File.OpenWrite(Path.Combine(folder.File("sessions"), bad, "kv-1")))
        {
            cells.Position = 600 * Canary.Layout.Regions[0].RowBytes;
            cells.WriteByte(0xAA);
        }
        var (isBusy, asked) = (true, 0);
        var found = new TaskCompletionSource<SessionCheck>();
        await using var scrub = new SessionScrub(store, Week, () => Interlocked.Increment(ref asked) > 0 && Volatile.Read(ref isBusy), found.SetResult);

        time.Advance(TimeSpan.FromDays(8));
        await Patience.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(10));
            return Volatile.Read(ref asked) > 1;
        }, "nobody asked whether somebody works");
        Assert.All(store.List(), static session => Assert.Null(session.VerifiedAt)); // somebody did
        Volatile.Write(ref isBusy, false);
        await Patience.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(10));
            return found.Task.IsCompleted;
        }, "nothing was found");
        Assert.Equal("bad", (await found.Task).Name);
        await Patience.UntilAsync(() => store.Find("good")!.VerifiedAt is not null, "the sound one was not read");
        using var open = store.Open("bad", null, Canary.Identity, Canary.Layout);
        Assert.Equal(512, open.Snapshot.Cells);
    }

    [Fact]
    public async Task Scrub_OneCannotBeRead_ItIsToldOnceAndTheOthersAreRead()
    {
        var time = new ManualTimeProvider();
        using var bench = new SessionBench(time: time);
        var bad = bench.Keep("bad", SessionBench.Tokens(300, 1)); // the oldest
        time.Advance(TimeSpan.FromSeconds(1));
        var good = bench.Keep("good", SessionBench.Tokens(300, 2));
        File.Delete(bench.File(bad, "kv-1"));
        Directory.CreateDirectory(bench.File(bad, "kv-1"));
        Directory.CreateDirectory(bench.File(good, "verified")); // nor can be noted that this one was read
        var found = new ConcurrentQueue<SessionCheck>();
        await using var scrub = new SessionScrub(bench.Store, Week, static () => false, found.Enqueue);
        time.Advance(TimeSpan.FromDays(8));
        var third = bench.Keep("third", SessionBench.Tokens(300, 3));
        await Patience.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromDays(1));
            return bench.Store.Find(third)!.VerifiedAt is not null;
        }, "one that cannot be read kept the others from being read");
        var told = Assert.Single(found);
        Assert.Equal(bad, told.Id);
        Assert.Contains("kv-1", told.Damage, StringComparison.Ordinal);
    }
}
