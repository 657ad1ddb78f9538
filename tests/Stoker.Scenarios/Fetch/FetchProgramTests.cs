using FakeHub;
using Stoker.Native.Libc;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary><c>stoker fetch</c> as a person or a script meets it, several beside each other included.</summary>
public sealed class FetchProgramTests
{
    private const int Bytes = (3 * (8 << 20)) + 99;

    [Fact] // X16, X17, E5 36: one origin's worth of bytes for eight processes
    public async Task EightProcesses_OneFile_TheOriginSendsItOnce()
    {
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 10_000_000 });
        await using var home = new StokerHome();
        var all = Enumerable.Range(0, 8).Select(number => home.StartStoker(lab.Fetch(Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, $"o{number}")).FullName, "f")))).ToList();
        foreach (var one in all) (await one.EndAsync(StokerHome.Patience)).Expect(0);
        for (var number = 0; number < 8; number++) lab.AssertComplete(home.Folder, Path.Combine(home.Folder, $"o{number}", "f"));
        // Once; and what was on its way when a range was shared out again.
        Assert.InRange(lab.Hub.Stats.ContentBytes, Bytes, Bytes + (1 << 20));
    }

    [Fact] // X18: the holder dies, another takes over and goes on
    public async Task Holder_Killed_AnotherTakesOver()
    {
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 6_000_000 });
        await using var home = new StokerHome();
        var places = Enumerable.Range(0, 3).Select(number => Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, $"o{number}")).FullName, "f")).ToList();
        var holder = home.StartStoker(lab.Fetch(places[0]));
        await home.EventuallyAsync(() => lab.Hub.Stats.ContentBytes > 4_000_000, "nothing is fetched");
        var others = places.Skip(1).Select(place => home.StartStoker(lab.Fetch(place))).ToList();
        holder.Signal(UnixSignal.Kill);
        foreach (var one in others) (await one.EndAsync(StokerHome.Patience)).Expect(0);
        foreach (var place in places.Skip(1)) lab.AssertComplete(home.Folder, place);
    }

    [Fact] // E5 36, X18: after a crash too, what was synced is not fetched again, by however many
    public async Task HolderKilledAfterASync_TheOthersFetchOnlyTheRest()
    {
        const int large = 320 << 20;
        await using var lab = await FetchLab.StartAsync(large, static options => options with { RateBytesPerSecond = 40_000_000 });
        // Ranges of 32 MiB, and less towards the end: nine are more than is written between two syncs, and not all.
        var gate = new HubGate(1);
        lab.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Skip = 9, Gate = gate });
        await using var home = new StokerHome();
        var places = Enumerable.Range(0, 4).Select(number => Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, $"o{number}")).FullName, "f")).ToList();
        var holder = home.StartStoker(lab.Fetch(places[0]));
        // A journal with chunks in it: the first sync is done.
        await home.EventuallyAsync(() => JournalBytes(home.Folder) > 1000, "nothing is synced");
        holder.Signal(UnixSignal.Kill);
        await holder.EndAsync(StokerHome.Patience);
        lab.Hub.Faults.Clear();
        gate.Open();
        var journaled = (JournalBytes(home.Folder) - 300) / 48; // records of 48 bytes behind the header
        var before = lab.Hub.Stats.ContentBytes;
        var others = places.Skip(1).Select(place => home.StartStoker(lab.Fetch(place))).ToList();
        foreach (var one in others) (await one.EndAsync(StokerHome.Patience)).Expect(0);
        Assert.True(journaled >= 10, $"{journaled} chunks are in the journal");
        Assert.InRange(lab.Hub.Stats.ContentBytes - before, 1, large - (journaled << 23) + (2 << 20));
        lab.AssertComplete(home.Folder, places[1]);
        foreach (var place in places.Skip(2)) Assert.Equal(new FileInfo(places[1]).Length, new FileInfo(place).Length);
    }

    private static long JournalBytes(string home) =>
        Directory.Exists(Path.Combine(home, "partial")) ? new DirectoryInfo(Path.Combine(home, "partial")).EnumerateFiles("*.journal").Sum(static file => file.Length) : 0;

    [Fact] // E5 36: locks that do nothing
    public async Task LocksThatDoNothing_StillRight()
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 20_000_000 });
        await using var home = new StokerHome();
        var all = Enumerable.Range(0, 3).Select(number =>
            home.Start(tool, [home.Folder, "nolocks", "0", BuiltProgram.Path, .. lab.Fetch(Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, $"o{number}")).FullName, "f"))])).ToList();
        foreach (var one in all) (await one.EndAsync(StokerHome.Patience)).Expect(0);
        for (var number = 0; number < 3; number++) lab.AssertComplete(home.Folder, Path.Combine(home.Folder, $"o{number}", "f"));
    }

    [Fact] // Ctrl-C keeps what is here
    public async Task Interrupted_TheNextOneGoesOn()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var place = Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName, "f");
        var gate = new HubGate(15_000_000);
        lab.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Gate = gate });
        var first = home.StartStoker([.. lab.Fetch(place), "--sha256", lab.Sha256]);
        await gate.Reached.WaitAsync(StokerHome.Patience); // in the second chunk, and however much lies in sockets, the first is here
        first.PressControlC();
        (await first.EndAsync(StokerHome.Patience)).Expect(130);
        lab.Hub.Faults.Clear();
        gate.Open();
        Assert.False(File.Exists(place));
        var before = lab.Hub.Stats.ContentBytes;
        (await home.StokerAsync([.. lab.Fetch(place), "--sha256", lab.Sha256])).Expect(0);
        lab.AssertComplete(home.Folder, place);
        Assert.True(lab.Hub.Stats.ContentBytes - before < Bytes, "finished chunks are not fetched again");
    }

    [Theory] // X1, X19, X21, and what makes no sense
    [InlineData(3, "--url", "{hub}files/absent", "--out", "o")]
    [InlineData(2, "--url", "{hub}files/f.bin", "--out", "no/such/folder/o")]
    [InlineData(2, "--url", "{hub}files/f.bin", "--out", "o", "--workers", "0")]
    [InlineData(2, "--url", "{hub}files/f.bin", "--out", "o", "--sha256", "abc")]
    [InlineData(2, "--url", "ftp://127.0.0.1/f", "--out", "o")]
    [InlineData(5, "--url", "https://203.0.113.1/f", "--out", "o")]
    [InlineData(7, "--url", "{hub}files/f.bin", "--out", "o", "--sha256", "0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task Failure_SaysWhyAndExitsWithItsCode(int exitCode, params string[] arguments)
    {
        await using var lab = await FetchLab.StartAsync(1000);
        await using var home = new StokerHome();
        var ended = (await home.StokerAsync(["fetch", .. arguments.Select(word => word.Replace("{hub}", lab.Hub.Url))])).Expect(exitCode);
        Assert.NotEmpty(ended.Error);
        Assert.False(File.Exists(Path.Combine(home.Folder, "o")));
    }

    [Fact] // X22, E5 34: a real small disk
    public async Task SmallDisk_IsRefusedBeforeAndNamed()
    {
        if (OwnProcess.EffectiveUserId != 0) Assert.Skip("SKIPPED: only root may mount a small tmpfs.");
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var small = Directory.CreateDirectory(Path.Combine(home.Folder, "small")).FullName;
        var mounted = await home.ShellAsync($"mount -t tmpfs -o size=8m none '{small}'");
        if (mounted.ExitCode != 0) Assert.Skip("SKIPPED: no tmpfs can be mounted here.");
        try
        {
            var ended = (await home.StokerAsync([.. lab.Fetch(Path.Combine(home.Folder, "f")), "--home", small])).Expect(6);
            Assert.Contains("bytes are needed", ended.Error);
            Assert.Contains("free", ended.Error);
            (await home.ShellAsync($"mount -o remount,size=64m '{small}'")).Expect(0);
            // X12: out lies on another file system, so it is a copy.
            var copied = (await home.StokerAsync([.. lab.Fetch(Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName, "f")), "--home", small, "--json"])).Expect(0);
            Assert.Contains("\"way\":\"Copy\"", copied.Out);
            lab.AssertComplete(small, Path.Combine(home.Folder, "o", "f"));
        }
        finally
        {
            await home.ShellAsync($"umount '{small}'");
        }
    }

    [Fact] // X13, X14, X15, X25
    public async Task StoreAndOut_HitsChangesAndEdits()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var place = Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName, "f");
        (await home.StokerAsync(lab.Fetch(place))).Expect(0);
        var once = lab.Hub.Stats.ContentBytes;

        // The same again, and under another signature: one byte for the question at most.
        (await home.StokerAsync(lab.Fetch(place))).Expect(0);
        (await home.StokerAsync("fetch", "--url", lab.Url + "?X-Amz-Signature=abc", "--out", place)).Expect(0);
        Assert.InRange(lab.Hub.Stats.ContentBytes, once, once + 2);

        // Somebody changes the hard-linked copy: the store notices, and does not hand on what they wrote.
        File.SetUnixFileMode(place, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using (var edit = File.OpenWrite(place)) edit.Write([1, 2, 3]);
        var other = Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, "p")).FullName, "f");
        (await home.StokerAsync(lab.Fetch(other))).Expect(0);
        Assert.True((await File.ReadAllBytesAsync(other)).AsSpan().SequenceEqual(lab.Content));

        // A failure leaves the file that is there alone.
        lab.Hub.Faults.Add(new HubFault { Path = "/files/", Status = 404 });
        (await home.StokerAsync("fetch", "--url", lab.Hub.Url + "files/other", "--out", other)).Expect(3);
        Assert.True((await File.ReadAllBytesAsync(other)).AsSpan().SequenceEqual(lab.Content));
    }
}
