using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>
/// What a power cut may undo is decided by the order of calls: content is synced before it gets its name, and the name is synced
/// before anything relies on it. Read off the calls that the program really makes.
/// </summary>
public sealed class DurableOrderTests(ScenarioHub hub)
{
    private static readonly string[] Changes = ["write", "pwrite", "writev", "pwritev", "ftruncate", "fallocate"];

    [Fact]
    public async Task Fetch_EachRename_ComesAfterItsSyncAndBeforeItsFolders()
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync((2 * (8 << 20)) + 4321);
        await using var home = new StokerHome();
        var place = Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName;
        await using var program = home.Start(tool, [home.Folder, "count", "0", BuiltProgram.Path, .. lab.Fetch(Path.Combine(place, "f"))]);
        var calls = FetchLab.CallsAndPaths((await program.EndAsync(StokerHome.Patience)).Expect(0).Error);

        AssertOrder(calls, static path => path.EndsWith(".part", StringComparison.Ordinal) ? "/blobs/sha256/" : Path.GetDirectoryName(path)!, atLeast: 3);
    }

    [Fact]
    public async Task Pull_TheManifest_ComesAfterTheBlobsAndIsDurable()
    {
        var tool = FaultCall.PathOrSkip();
        await using var home = hub.NewHome();
        await using var daemon = home.Start(tool, [home.Folder, "count", "0", BuiltProgram.Path, "serve"]);
        await home.EventuallyAsync(() => home.DaemonPid() is not null && File.Exists(home.Paths.Socket), "no daemon");
        (await home.StokerAsync("pull", "qwen2.5:0.5b")).Expect(0);
        (await home.StokerAsync("serve", "--stop")).Expect(0);
        var calls = FetchLab.CallsAndPaths((await daemon.EndAsync(StokerHome.Patience)).Error);

        AssertOrder(calls.Where(static call => call.Path.Contains("/blobs/") || call.Path.Contains("/partial/") || call.Path.Contains("/manifests/")).ToList(),
            static path => path.EndsWith(".part", StringComparison.Ordinal) ? "/blobs/sha256/" : Path.GetDirectoryName(path)!, atLeast: 2);
        var manifest = Positions(calls, static (call, path) => call.StartsWith("rename", StringComparison.Ordinal) && path.Contains("/manifests/")).Single();
        var blob = Positions(calls, static (call, path) => call.StartsWith("rename", StringComparison.Ordinal) && path.EndsWith(".part", StringComparison.Ordinal)).Single();
        Assert.Contains(calls.Skip(blob).Take(manifest - blob), static call => call.Call == "fsync" && call.Path.Contains("/blobs/sha256/"));
    }

    private static void AssertOrder(IReadOnlyList<(string Call, string Path)> calls, Func<string, string> folderOf, int atLeast)
    {
        var renames = Positions(calls, static (call, _) => call.StartsWith("rename", StringComparison.Ordinal));
        Assert.True(renames.Count >= atLeast, $"{renames.Count} renames");
        foreach (var rename in renames)
        {
            var path = calls[rename].Path;
            var changed = Positions(calls.Take(rename).ToList(), (call, other) => other == path && Changes.Contains(call));
            var synced = Positions(calls.Take(rename).ToList(), (call, other) => other == path && (call is "fsync" or "fdatasync"));
            // A hard link's content was synced under its first name.
            if (changed.Count > 0) Assert.True(synced.Count > 0 && synced[^1] > changed[^1], $"{path} is renamed before it is synced");
            var folder = folderOf(path);
            Assert.True(calls.Skip(rename).Any(call => call.Call == "fsync" && call.Path.Contains(folder, StringComparison.Ordinal)), $"the folder of {path} is not synced after the rename");
        }
    }

    private static List<int> Positions(IReadOnlyList<(string Call, string Path)> calls, Func<string, string, bool> wanted) =>
        [.. Enumerable.Range(0, calls.Count).Where(at => wanted(calls[at].Call, calls[at].Path))];
}
