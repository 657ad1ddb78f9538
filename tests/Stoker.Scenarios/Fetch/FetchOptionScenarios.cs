using System.Diagnostics;
using System.Text.Json;
using FakeHub;
using Stoker.Native.Libc;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>What <c>stoker fetch</c> offers besides (X23), and the files of its users.</summary>
public sealed class FetchOptionScenarios
{
    private const int Bytes = (3 * (8 << 20)) + 99;

    [Fact] // X23: a private authority, named as people name it
    public async Task CaFile_FromTheEnvironment_OpensAPrivateOrigin()
    {
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { Tls = true });
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        Assert.Contains("STOKER_CA_FILE", (await home.StokerAsync(lab.Fetch(place))).Expect(4).Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(home.Folder, "ca.pem"), lab.Hub.CaPem);
        home.Environment["STOKER_CA_FILE"] = Path.Combine(home.Folder, "ca.pem");
        (await home.StokerAsync(lab.Fetch(place))).Expect(0);
        lab.AssertComplete(home.Folder, place);
    }

    [Fact] // X23: mirrors share, a dead one is no loss
    public async Task Mirrors_ShareTheWork_ADeadOneIsNoLoss()
    {
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 6_000_000 });
        await using var other = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 6_000_000 });
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        (await home.StokerAsync([.. lab.Fetch(place), "--mirror", other.Url, "--mirror", "http://127.0.0.1:1/f.bin", "--sha256", lab.Sha256])).Expect(0);
        lab.AssertComplete(home.Folder, place);
        Assert.True(lab.Hub.Stats.ContentBytes > 0 && other.Hub.Stats.ContentBytes > 0, "both gave bytes");
        Assert.Equal(2, (await home.StokerAsync([.. lab.Fetch(place), "--mirror", "nonsense"])).ExitCode);
    }

    [Fact] // X23, E5 38: from the outside, start and end included
    public async Task LimitRate_IsKept()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var began = Stopwatch.GetTimestamp();
        (await home.StokerAsync([.. lab.Fetch(PlaceIn(home, "o")), "--limit-rate", "6MB"])).Expect(0);
        Assert.True(Stopwatch.GetElapsedTime(began).TotalSeconds >= Bytes / 6e6 * 0.9);
    }

    [Fact] // X22: what lands in the store counts; the file outside is its user's
    public async Task Quota_OfTheSettings_IsKept()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var other = await FetchLab.StartAsync(Bytes - 1);
        await using var home = new StokerHome();
        home.Environment["STOKER_STORE_QUOTA"] = "40MB";
        (await home.StokerAsync([.. lab.Fetch(PlaceIn(home, "o")), "--copy"])).Expect(0);
        Assert.Contains("store.quota", (await home.StokerAsync(other.Fetch(PlaceIn(home, "p")))).Expect(6).Error, StringComparison.Ordinal);
        home.Environment["STOKER_STORE_QUOTA"] = "60MB";
        (await home.StokerAsync(other.Fetch(PlaceIn(home, "p")))).Expect(0);
        Assert.Contains("--sha256", (await home.StokerAsync("fetch", "--url", "f.bin", "--out", PlaceIn(home, "q"))).Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact] // X23: what is set for all downloads is kept by this one too, and only made less by its own
    public async Task MaxRate_OfTheSettings_IsKept()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        (await home.StokerAsync("config", "set", "fetch.maxRate", "8MB")).Expect(0);
        var began = Stopwatch.GetTimestamp();
        (await home.StokerAsync([.. lab.Fetch(PlaceIn(home, "o")), "--limit-rate", "1GB"])).Expect(0);
        Assert.True(Stopwatch.GetElapsedTime(began).TotalSeconds >= Bytes / 8e6 * 0.9);
    }

    [Fact] // E5 31: through the program, named to the user
    public async Task LyingMirror_IsDroppedAndNamed()
    {
        await using var lab = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 6_000_000 });
        await using var liar = await FetchLab.StartAsync(Bytes, static options => options with { RateBytesPerSecond = 6_000_000 });
        var wrong = liar.Content.ToArray();
        for (var at = 0; at < wrong.Length; at += 1 << 20) wrong[at] ^= 1;
        liar.Replace(wrong);
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        var ended = (await home.StokerAsync([.. lab.Fetch(place), "--mirror", liar.Url, "--sha256", lab.Sha256])).Expect(0);
        lab.AssertComplete(home.Folder, place);
        Assert.True(liar.Hub.Stats.ContentBytes > 0, "the liar was asked");
        Assert.Contains(liar.Url, ended.Error, StringComparison.Ordinal);
    }

    [Fact] // X23
    public async Task Json_SaysWhatCameAndHow()
    {
        await using var lab = await FetchLab.StartAsync(1000);
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        var ended = (await home.StokerAsync([.. lab.Fetch(place), "--json"])).Expect(0);
        using var result = JsonDocument.Parse(ended.Out);
        Assert.Equal(place, result.RootElement.GetProperty("path").GetString());
        Assert.Equal(1000, result.RootElement.GetProperty("sizeBytes").GetInt64());
        Assert.Equal("sha256:" + lab.Sha256, result.RootElement.GetProperty("digest").GetString());
        Assert.True(result.RootElement.GetProperty("elapsedMs").GetDouble() > 0);
    }

    [Fact]
    public async Task OutThatIsALink_IsFollowedAndStays_ButNotIntoTheStore()
    {
        await using var lab = await FetchLab.StartAsync(1000);
        await using var home = new StokerHome();
        var (link, target) = (PlaceIn(home, "link"), PlaceIn(home, "target"));
        File.CreateSymbolicLink(link, target); // to nothing yet
        (await home.StokerAsync([.. lab.Fetch(link)])).Expect(0);
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        lab.AssertComplete(home.Folder, target);

        var blob = Directory.GetFiles(Path.Combine(home.Folder, "blobs", "sha256"), "*", SearchOption.AllDirectories).Single();
        var into = PlaceIn(home, "into");
        File.CreateSymbolicLink(into, blob);
        Assert.Contains("Stoker's own store", (await home.StokerAsync([.. lab.Fetch(into)])).Expect(2).Error, StringComparison.Ordinal);
        FetchLab.AssertBlobsAreSound(home.Folder);
        var circle = PlaceIn(home, "circle");
        File.CreateSymbolicLink(circle, circle);
        Assert.Contains("leads nowhere", (await home.StokerAsync([.. lab.Fetch(circle)])).Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact] // X13: a file of one's own
    public async Task Copy_MayBeChanged_AndTheStoreIsNot()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        (await home.StokerAsync([.. lab.Fetch(place), "--copy"])).Expect(0);
        await using (var edit = File.OpenWrite(place)) edit.Write([1, 2, 3]); // no mode to change first
        FetchLab.AssertBlobsAreSound(home.Folder);
        var once = lab.Hub.Stats.ContentBytes;
        var other = PlaceIn(home, "p");
        (await home.StokerAsync([.. lab.Fetch(other), "--copy"])).Expect(0);
        lab.AssertComplete(home.Folder, other);
        Assert.InRange(lab.Hub.Stats.ContentBytes, once, once + 1); // the question whether it changed
    }

    [Fact] // X14: what changed at its address is fetched, unless nobody wants to know
    public async Task ChangedOrigin_IsNoticed_UnlessNotAsked()
    {
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        (await home.StokerAsync(lab.Fetch(PlaceIn(home, "o")))).Expect(0);
        var changed = lab.Content.ToArray();
        changed[77] ^= 1;
        lab.Replace(changed);
        var requests = lab.Hub.Stats.Requests.Count;
        var same = PlaceIn(home, "p");
        (await home.StokerAsync([.. lab.Fetch(same), "--revalidate", "never"])).Expect(0);
        Assert.True((await File.ReadAllBytesAsync(same)).AsSpan().SequenceEqual(lab.Content));
        Assert.Equal(requests, lab.Hub.Stats.Requests.Count);
        var renewed = PlaceIn(home, "q");
        (await home.StokerAsync(lab.Fetch(renewed))).Expect(0);
        Assert.True((await File.ReadAllBytesAsync(renewed)).AsSpan().SequenceEqual(changed));
        FetchLab.AssertBlobsAreSound(home.Folder); // both are kept
    }

    [Fact] // E4 26: what signs an address is in no file, and in nothing that is said
    public async Task SignedAddress_IsWrittenNowhere()
    {
        const string secret = "s3cr3t-signature";
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        var place = PlaceIn(home, "o");
        lab.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", RangeStart = 0, CutAfterBytes = 9 << 20 });
        lab.Hub.Faults.Add(new HubFault { Path = "/files/moved.bin", RedirectTo = $"{lab.Hub.ContentUrl}files/f.bin?X-Amz-Signature={secret}" });
        lab.Hub.Faults.Add(new HubFault { Path = "/files/f.bin", Status = 404 }); // what is behind the cut
        foreach (var address in new[] { $"{lab.Url}?X-Amz-Signature={secret}", $"{lab.Hub.Url}files/moved.bin?token={secret}" })
        {
            var failed = await home.StokerAsync("fetch", "--url", address, "--out", place, "--workers", "1");
            Assert.NotEqual(0, failed.ExitCode);
            Assert.DoesNotContain(secret, failed.Error + failed.Out, StringComparison.Ordinal);
            AssertNowhere(home.Folder, secret); // the journal of what was begun included
        }
        lab.Hub.Faults.Clear();
        var ended = (await home.StokerAsync("fetch", "--url", $"{lab.Url}?X-Amz-Signature={secret}", "--out", place)).Expect(0);
        Assert.DoesNotContain(secret, ended.Error + ended.Out, StringComparison.Ordinal);
        AssertNowhere(home.Folder, secret);
    }

    [Fact] // X12: on a hit the file that is there stays until it can be replaced
    public async Task HitOntoAFullDisk_LeavesTheFileThatIsThere()
    {
        if (OwnProcess.EffectiveUserId != 0) Assert.Skip("SKIPPED: only root may mount a small tmpfs.");
        await using var lab = await FetchLab.StartAsync(Bytes);
        await using var home = new StokerHome();
        (await home.StokerAsync(lab.Fetch(PlaceIn(home, "o")))).Expect(0);
        var small = Directory.CreateDirectory(Path.Combine(home.Folder, "small")).FullName;
        if ((await home.ShellAsync($"mount -t tmpfs -o size=8m none '{small}'")).ExitCode != 0) Assert.Skip("SKIPPED: no tmpfs can be mounted here.");
        try
        {
            var place = Path.Combine(small, "f");
            await File.WriteAllTextAsync(place, "mine");
            Assert.Contains("full", (await home.StokerAsync(lab.Fetch(place))).Expect(6).Error, StringComparison.Ordinal);
            Assert.Equal("mine", await File.ReadAllTextAsync(place));
            Assert.Single(Directory.GetFiles(small));
        }
        finally
        {
            await home.ShellAsync($"umount '{small}'");
        }
    }

    private static string PlaceIn(StokerHome home, string folder) => Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, folder)).FullName, "f");

    private static void AssertNowhere(string folder, string secret)
    {
        foreach (var path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain(secret, path, StringComparison.Ordinal);
            Assert.True(File.ReadAllBytes(path).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(secret)) < 0, $"{path} holds the signature");
        }
    }
}
