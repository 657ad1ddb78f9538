using System.Net;
using System.Net.Sockets;
using Stoker.Core.Settings;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>How the daemon comes, stays and goes.</summary>
public sealed class DaemonScenarios(ScenarioHub hub)
{
    [Fact]
    public async Task FullDisk_StartIsToldAsSuch_AndWorksOnceThereIsRoom()
    {
        await using var home = hub.NewHome();
        var small = Path.Combine(home.Folder, "small");
        using var disk = SmallDisk.MountOrSkip(small, 2);
        await home.ShellAsync($"cat /dev/zero > '{small}/filler'"); // until it is full
        var refused = (await home.StokerAsync("list", "--home", small)).Expect(6);
        Assert.Contains($"the disk of {small} is full", refused.Error, StringComparison.Ordinal);
        File.Delete(Path.Combine(small, "filler"));
        (await home.StokerAsync("list", "--home", small)).Expect(0);
        (await home.StokerAsync("serve", "--stop", "--home", small)).Expect(0);
    }

    [Fact]
    public async Task FirstCommand_StartsTheDaemonAndSaysSo_SecondFindsIt()
    {
        await using var home = hub.NewHome();

        // Not in words: how long ago something came changes meanwhile.
        var first = (await home.StokerAsync("ls", "--json")).Expect(0);
        var second = (await home.StokerAsync("ls", "--json")).Expect(0);

        Assert.Matches(@"^started stoker in the background \(pid \d+, log /.*/daemon\.log\)\n", first.Error);
        Assert.DoesNotContain("started", second.Error, StringComparison.Ordinal);
        Assert.Equal(first.Out, second.Out);
        Assert.Single(home.Processes());
    }

    [Fact]
    public async Task TwoRunsAtOnce_StartOneDaemon()
    {
        await using var home = hub.NewHome();

        var ended = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => home.StokerAsync("run", ScenarioHub.TrainedModel, "Hello", "--temp", "0", "-n", "8")));

        foreach (var run in ended) run.Expect(0);
        Assert.Single(ended, static run => run.Error.Contains("started stoker in the background", StringComparison.Ordinal));
        Assert.Single(home.Processes(), static process => process.Command.Contains(" serve ", StringComparison.Ordinal));
        Assert.Single(ended.Select(static run => run.Out).Distinct());
    }

    [Fact]
    public async Task ListThroughAPipe_Returns()
    {
        await using var home = hub.NewHome();

        (await home.ShellAsync("stoker ls | cat")).Expect(0);

        Assert.NotNull(home.DaemonPid());
    }

    [Fact]
    public async Task Daemon_HoldsNothingOfTheShellThatStartedIt()
    {
        await using var home = hub.NewHome();

        // A script's lock, on a descriptor that the daemon must not keep.
        var script = "exec 9>held; flock 9; stoker ls >/dev/null; exec 9>&-; flock -n held echo free";
        var ended = (await home.ShellAsync(script)).Expect(0);

        Assert.Equal("free\n", ended.Out);
    }

    [Fact]
    public async Task ControlCAtTheTerminal_DoesNotReachTheDaemon()
    {
        await using var home = hub.NewHome();
        await using var shell = home.StartShell("stoker ls; echo ready; sleep 60");
        await shell.WaitForAsync(static text => text.Contains("ready", StringComparison.Ordinal), inError: false, StokerHome.Patience);

        shell.PressControlC();
        await shell.EndAsync(StokerHome.Patience);

        (await home.StokerAsync("status", "--no-start")).Expect(0);
    }

    [Fact]
    public async Task NoStart_Forbids()
    {
        await using var home = hub.NewHome();

        var ended = (await home.StokerAsync("ls", "--no-start")).Expect(9);

        Assert.Contains("stoker serve --detach", ended.Error, StringComparison.Ordinal);
        Assert.Empty(home.Processes());
    }

    [Fact]
    public async Task StartThatFails_PrintsTheEndOfItsLog()
    {
        await using var home = hub.NewHome();
        // The command itself does not need a port; the daemon that it starts does.
        home.Environment["STOKER_PORT"] = "99999";

        var ended = (await home.StokerAsync("ls")).Expect(9);

        Assert.Contains("The daemon ended at once", ended.Error, StringComparison.Ordinal);
        Assert.Contains("port (STOKER_PORT): 99999 is not between 0 and 65535", ended.Error, StringComparison.Ordinal);
        Assert.Empty(home.Processes());
    }

    [Fact]
    public async Task KilledDaemon_NextCommandStartsAnother()
    {
        await using var home = hub.NewHome();
        (await home.StokerAsync("ls")).Expect(0);

        await home.KillDaemonAsync();

        Assert.True(File.Exists(home.Paths.Socket), "the stale socket should be what the next start meets");
        (await home.StokerAsync("ls")).Expect(0);
        Assert.Single(home.Processes());
    }

    [Fact]
    public async Task OwnerOnItsWayDown_CommandStartsADaemonOnceItIsGone()
    {
        await using var home = hub.NewHome();
        using var owner = OwnerLock.TryAcquire(home.Paths);
        Assert.NotNull(owner);

        await using var list = home.StartStoker("ls");
        await home.EventuallyAsync(() => IsServing(home), "no daemon was started");
        await home.EventuallyAsync(() => !IsServing(home), "the daemon waits on for a home that is owned");
        owner.Dispose();

        var ended = (await list.EndAsync(StokerHome.Patience)).Expect(0);
        Assert.Contains("started stoker in the background", ended.Error, StringComparison.Ordinal);
        Assert.Single(home.Processes());
    }

    [Fact]
    public async Task DetachAndStop()
    {
        await using var home = hub.NewHome();

        (await home.StokerAsync("serve", "--detach")).Expect(0);
        var again = (await home.StokerAsync("serve", "--detach")).Expect(0);
        var foreground = (await home.StokerAsync("serve")).Expect(8);
        var stopped = (await home.StokerAsync("serve", "--stop")).Expect(0);
        var nothing = (await home.StokerAsync("serve", "--stop")).Expect(0);

        Assert.Contains("runs already", again.Error, StringComparison.Ordinal);
        Assert.Contains("has a daemon already", foreground.Error, StringComparison.Ordinal);
        Assert.Contains("stopped (pid ", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("No daemon runs.", nothing.Error, StringComparison.Ordinal);
        Assert.Empty(home.Processes());
        Assert.False(File.Exists(home.Paths.Socket));
    }

    [Fact]
    public async Task Foreground_EndsOnControlC()
    {
        await using var home = hub.NewHome();
        await using var serve = home.StartStoker("serve");
        await home.EventuallyAsync(() => home.StokerAsync("status", "--no-start").GetAwaiter().GetResult().ExitCode == 0, "the daemon does not answer");

        serve.PressControlC();

        (await serve.EndAsync(StokerHome.Patience)).Expect(0);
        Assert.False(OwnerLock.IsHeld(home.Paths));
    }

    [Fact]
    public async Task PortTaken_BackgroundServesItsSocketAloneAndSaysSo_ForegroundRefuses()
    {
        await using var home = hub.NewHome();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        home.Environment["STOKER_PORT"] = ((IPEndPoint)taken.LocalEndpoint).Port.ToString();

        var started = (await home.StokerAsync("ls")).Expect(0);
        var status = (await home.StokerAsync("status")).Expect(0);
        (await home.StokerAsync("serve", "--stop")).Expect(0);
        var foreground = (await home.StokerAsync("serve")).Expect(8);

        Assert.Contains("is taken", started.Error, StringComparison.Ordinal);
        Assert.Contains("is taken", status.Out, StringComparison.Ordinal);
        Assert.Contains("is taken", foreground.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongHome_SocketMovesToTheRuntimeFolder()
    {
        await using var home = hub.NewHome();
        var runtime = Directory.CreateDirectory(Path.Combine(home.Folder, "rt")).FullName;
        var far = Path.Combine(home.Folder, new string('d', 120));
        home.Environment["XDG_RUNTIME_DIR"] = runtime;

        (await home.StokerAsync("ls", "--home", far)).Expect(0);
        (await home.StokerAsync("status", "--home", far)).Expect(0);

        Assert.Single(Directory.GetFiles(runtime, "stoker-*.sock"));
        (await home.StokerAsync("serve", "--stop", "--home", far)).Expect(0);
    }

    [Fact]
    public async Task ManyKills_LeaveNothingBehind()
    {
        await using var home = hub.NewHome();
        for (var i = 0; i < 3; i++)
        {
            (await home.StokerAsync("run", ScenarioHub.TrainedModel, "Hello", "-n", "4")).Expect(0);
            await home.KillDaemonAsync();
            await home.EventuallyAsync(() => home.Processes().Count == 0, "a runner outlived its daemon");
        }
        (await home.StokerAsync("health")).Expect(0);
    }

    private static bool IsServing(StokerHome home) => home.Processes().Any(static process => process.Command.Contains(" serve ", StringComparison.Ordinal));
}
