using System.Text.Json;
using SessionLab;
using Stoker.Engine.Sessions;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Sessions;

/// <summary><c>stoker sessions</c>, whole programs: what people do with kept conversations.</summary>
public sealed class SessionCommandScenarios(ScenarioHub hub)
{
    // More than the largest body of any other route (16 MiB).
    private const int ManyCells = 16_000;

    [Fact]
    public async Task Sessions_ForkRenameExportImportRemove_KeepEveryCell()
    {
        await using var home = hub.NewHome();
        Keep(home, "recipes", ManyCells);

        (await home.StokerAsync("sessions", "fork", "recipes", "vegan")).Expect(0);
        (await home.StokerAsync("sessions", "rename", "vegan", "plants")).Expect(0);
        var list = JsonDocument.Parse((await home.StokerAsync("sessions", "ls", "--json")).Expect(0).Out).RootElement.GetProperty("sessions");
        Assert.Equal(["plants", "recipes"], list.EnumerateArray().Select(static session => session.GetProperty("name").GetString()).Order());
        Assert.All(list.EnumerateArray(), static session => Assert.True(session.GetProperty("ownBytes").GetInt64() < 1 << 20, "a fork shares its cells"));

        Assert.Contains("removed recipes", (await home.StokerAsync("sessions", "rm", "none", "recipes")).Expect(3).Out); // what can be done is done
        (await home.StokerAsync("sessions", "export", "plants")).Expect(0);
        (await home.StokerAsync("sessions", "export", "plants")).Expect(8); // it is there already
        (await home.StokerAsync("sessions", "import", "plants.stoker-session", "--name", "copy")).Expect(0);
        (await home.StokerAsync("sessions", "import", "plants.stoker-session")).Expect(8); // the name is taken
        Assert.Contains($"copy: {ManyCells} tokens are as they were saved", (await home.StokerAsync("sessions", "verify")).Expect(0).Out);
        Assert.Contains($"{ManyCells} tokens", (await home.StokerAsync("sessions", "show", "copy")).Expect(0).Out);
        using var copy = Store(home).Open("copy", null, Canary.Identity, Canary.Layout);
        Assert.Null(copy.Damage ?? Canary.Strange(copy));
    }

    [Fact]
    public async Task Sessions_HeldOrAbsentOrHostile_AreRefusedWithTheirCode()
    {
        await using var home = hub.NewHome();
        Keep(home, "mine", 50);
        using (Store(home).Open("mine", null, Canary.Identity, Canary.Layout))
        {
            Assert.Contains("in use", (await home.StokerAsync("sessions", "ls")).Expect(0).Out);
            foreach (var verb in new[] { "rm", "export" }) Assert.Contains("in use", (await home.StokerAsync("sessions", verb, "mine")).Expect(9).Error);
        }
        Assert.False(File.Exists(Path.Combine(home.Folder, "mine.stoker-session")));
        Assert.Contains("50 tokens are as they were saved", (await home.StokerAsync("sessions", "verify")).Expect(0).Out);
        (await home.StokerAsync("sessions", "show", "other")).Expect(3);
        (await home.StokerAsync("sessions", "fork", "mine", "../../etc")).Expect(2);
        (await home.StokerAsync("sessions", "rename", "mine", "a b")).Expect(2);
        await File.WriteAllBytesAsync(Path.Combine(home.Folder, "odd"), new byte[5000]);
        (await home.StokerAsync("sessions", "import", "odd")).Expect(7);
        (await home.StokerAsync("sessions", "export", "mine")).Expect(0);
        var archive = await File.ReadAllBytesAsync(Path.Combine(home.Folder, "mine.stoker-session"));
        archive[^100] ^= 1;
        await File.WriteAllBytesAsync(Path.Combine(home.Folder, "odd"), archive);
        (await home.StokerAsync("sessions", "import", "odd")).Expect(7);
        Assert.Single(Directory.GetDirectories(Store(home).Options.Root));
    }

    [Fact]
    public async Task Sessions_Damaged_AreFoundByVerifyAndHealth()
    {
        await using var home = hub.NewHome();
        var folder = Keep(home, "mine", 600);
        await using (var cells = File.Open(Path.Combine(folder, "kv-1"), FileMode.Open, FileAccess.ReadWrite))
        {
            cells.Position = 300 * Canary.Layout.Regions[0].RowBytes;
            cells.WriteByte(0xAA);
        }
        Assert.Contains("cells 256 to 511 are not what was saved", (await home.StokerAsync("sessions", "verify", "mine")).Expect(7).Error);
        (await home.StokerAsync("sessions", "verify", "absent")).Expect(3);
        await File.WriteAllTextAsync(Path.Combine(folder, "snapshot"), "not any more");
        Assert.Contains("damaged", (await home.StokerAsync("sessions", "ls")).Expect(0).Out);
        Assert.Contains("mine", (await home.StokerAsync("health")).Out);
        (await home.StokerAsync("sessions", "rm", "mine")).Expect(0);
    }

    [Fact]
    public async Task Daemon_Starts_RemovesWhatAKilledOneLeft()
    {
        await using var home = hub.NewHome();
        Keep(home, "mine", 50);
        var root = Store(home).Options.Root;
        Directory.CreateDirectory(Path.Combine(root, ".new-0123456789abcdef"));
        Directory.CreateDirectory(Path.Combine(root, ".gone-fedcba9876543210"));
        (await home.StokerAsync("sessions", "ls")).Expect(0);
        Assert.Single(Directory.GetDirectories(root));
    }

    private static SessionStore Store(StokerHome home) => new(new SessionStoreOptions { Root = home.Paths.Sessions }, TimeProvider.System);

    private static string Keep(StokerHome home, string name, int cells)
    {
        using var session = Store(home).Create(name, "", Canary.Identity, Canary.Layout);
        var tokens = Enumerable.Range(1, cells).ToArray();
        Canary.Decode(session, 0, tokens);
        session.Save(Canary.Snapshot(tokens));
        return Path.Combine(home.Paths.Sessions, session.Id);
    }
}
