using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

/// <summary>The secret by which API keys find their conversations: kept for good, and said when it is lost.</summary>
public sealed class ScopeSecretTests
{
    private static readonly string OfAKey = ApiKeyCheck.ScopeOf("a key", new byte[32]);

    [Fact]
    public void ReadOrCreate_IsMadeOnce_ForItsOwnerAlone()
    {
        using var folder = new TempFolder();
        var path = folder.File("sessions/.scope-secret");
        var made = ScopeSecret.ReadOrCreate(path);
        Assert.Equal("was missing", made.WhyNew);
        Assert.Equal(32, made.Bytes.Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        var read = ScopeSecret.ReadOrCreate(path);
        Assert.Null(read.WhyNew);
        Assert.Equal(made.Bytes.ToArray(), read.Bytes.ToArray());
        Assert.Single(Directory.GetFiles(folder.File("sessions")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(32)] // all zeros: whoever knows a key would know its scope
    [InlineData(33)]
    public void ReadOrCreate_Damaged_AnotherIsMade(int length)
    {
        using var folder = new TempFolder();
        var path = folder.File("secret");
        File.WriteAllBytes(path, new byte[length]);
        File.WriteAllText(path + ".new", "what a kill left");
        Assert.Equal("is damaged", ScopeSecret.ReadOrCreate(path).WhyNew);
        Assert.Null(ScopeSecret.ReadOrCreate(path).WhyNew);
    }

    [Fact]
    public void ReadOrCreate_CannotBeRead_IsToldAndNotReplaced()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.File("secret"));
        var error = Assert.Throws<StokerException>(() => ScopeSecret.ReadOrCreate(folder.File("secret")));
        Assert.Equal(ErrorKind.Io, error.Kind);
        Assert.Contains(folder.File("secret"), error.Message);
        Assert.True(Directory.Exists(folder.File("secret")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Daemon_SecretLost_SaysSoAndRemovesWhatNobodyFindsAnyMore(bool isShort)
    {
        await using var harness = await ServerHarness.StartAsync(prepare: paths =>
        {
            var store = new SessionStore(new SessionStoreOptions { Root = paths.Sessions }, TimeProvider.System);
            foreach (var (name, scope) in new[] { (null, OfAKey), (null, ""), (null, "network"), ("named", OfAKey) })
            {
                using var session = store.Create(name, scope, Canary.Identity, Canary.Layout);
                session.Save(Canary.Snapshot([]));
            }
            if (isShort) File.WriteAllBytes(paths.ScopeSecret, [1, 2, 3]);
        });
        var line = Assert.Single(harness.Log.Split('\n'), line => line.Contains(".scope-secret", StringComparison.Ordinal));
        Assert.Contains(" warn", line);
        Assert.Contains(isShort ? "is damaged" : "was missing", line);
        Assert.Contains("1 sessions", line);
        Assert.Contains("1 conversations", line);
        var kept = new SessionStore(new SessionStoreOptions { Root = harness.Paths.Sessions }, TimeProvider.System);
        Assert.Equal(["", "network"], kept.ListCache().Select(static session => session.Scope).Order());
        Assert.Equal("named", Assert.Single(kept.List()).Name);
    }

    [Fact]
    public async Task Daemon_FirstStart_SaysNothing()
    {
        await using var harness = await ServerHarness.StartAsync();
        Assert.True(File.Exists(harness.Paths.ScopeSecret));
        Assert.DoesNotContain(".scope-secret", harness.Log);
    }

    [Fact]
    public async Task Daemon_PromptCacheOff_RemovesWhatItHeldAtOnce()
    {
        await using var harness = await ServerHarness.StartAsync(change: static options => options with { PromptCacheBytes = 0 }, prepare: static paths =>
        {
            var store = new SessionStore(new SessionStoreOptions { Root = paths.Sessions }, TimeProvider.System);
            using var session = store.Create(null, "", Canary.Identity, Canary.Layout);
            session.Save(Canary.Snapshot([]));
            using var named = store.Create("named", "", Canary.Identity, Canary.Layout);
        });
        var kept = new SessionStore(new SessionStoreOptions { Root = harness.Paths.Sessions }, TimeProvider.System);
        Assert.Empty(kept.ListCache());
        Assert.Single(kept.List());
    }
}
