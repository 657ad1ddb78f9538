using System.Text.RegularExpressions;
using Stoker.Scenarios.Fetch;

namespace Stoker.Scenarios.Sessions;

/// <summary>
/// SIGKILL and failing disks at the calls that change a session's files: what was saved is there, whole, and no cell of one
/// conversation in another.
/// </summary>
public sealed partial class SessionCrashTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stk-sessions-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public Task Kill_AtEverySecondCallThatChangesAFile_WhatWasSavedIsThere() => KillAsync(every: 2);

    [Fact]
    [Trait("length", "long")]
    public Task Kill_AtEachCallThatChangesAFile_WhatWasSavedIsThere() => KillAsync(every: 1);

    [Theory]
    [InlineData(28, "OutOfSpace")] // ENOSPC
    [InlineData(5, "Io")] // EIO
    [InlineData(30, "Io")] // EROFS
    public Task Disk_FailsFromACallOn_ItIsToldAndWhatWasSavedIsThere(int errno, string kind) => FailAsync(errno, kind, every: 6);

    [Theory]
    [Trait("length", "long")]
    [InlineData(28, "OutOfSpace")]
    [InlineData(5, "Io")]
    [InlineData(30, "Io")]
    public Task Disk_FailsFromEachCallOn_ItIsToldAndWhatWasSavedIsThere(int errno, string kind) => FailAsync(errno, kind, every: 1);

    private async Task KillAsync(int every)
    {
        var tool = FaultCall.PathOrSkip();
        var calls = (await CallsAsync(tool, "count")).Count;
        Assert.True(calls > 150, $"only {calls} calls were seen");
        await Parallel.ForEachAsync(Enumerable.Range(1, calls).Where(number => number % every == 0), new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (number, _) =>
        {
            var root = Root($"kill-{number}");
            var witness = new SessionWitness();
            await SessionLabProgram.RunAsync([tool, root, "kill", $"{number}"], [root, "order", "7"], witness);
            witness.Compare(await SessionLabProgram.CheckAsync(root, $"killed before call {number}"), $"killed before call {number}");
        });
    }

    private async Task FailAsync(int errno, string kind, int every)
    {
        var tool = FaultCall.PathOrSkip();
        var calls = (await CallsAsync(tool, $"count-{errno}")).Count;
        // Each errno begins elsewhere.
        await Parallel.ForEachAsync(Enumerable.Range(1, calls).Where(number => number % every == errno % every), new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (number, _) =>
        {
            var when = $"errno {errno} from call {number} on";
            var root = Root($"fail-{errno}-{number}");
            var witness = new SessionWitness();
            var (exitCode, error) = await SessionLabProgram.RunAsync([tool, root, $"{errno}", $"{number}"], [root, "order", "7"], witness);
            // What fails last may be the closing alone, which nothing depends on.
            if (exitCode != 0) Assert.True(exitCode == 3 && witness.Error!.StartsWith($"error {kind} ", StringComparison.Ordinal), $"{when}: ended with {exitCode}, {witness.Error}\n{error}");
            witness.Compare(await SessionLabProgram.CheckAsync(root, when), when);
        });
    }

    [Fact]
    public async Task Save_WithFsync_CellsComeToTheDiskBeforeTheSnapshotThatNamesThem()
    {
        var calls = await CallsAsync(FaultCall.PathOrSkip(), "fsync", "fsync");
        var saves = 0;
        for (var i = 0; i < calls.Count; i++)
        {
            if (!calls[i].EndsWith("rename snapshot.new", StringComparison.Ordinal)) continue;
            saves++;
            var before = calls.Take(i).Reverse().TakeWhile(static call => !call.EndsWith("rename snapshot.new", StringComparison.Ordinal)).Reverse().ToList();
            if (before.Contains("mkdir cache"))
            {
                // One of the prompt cache: no power cut was promised to be survived. When it is given a name its cells go to the disk first.
                Assert.DoesNotContain(before, static call => call.StartsWith("fdatasync kv-", StringComparison.Ordinal));
                var naming = calls.Skip(i + 1).TakeWhile(static call => !call.EndsWith("rename label.json.new", StringComparison.Ordinal)).ToList();
                Assert.Contains(naming, static call => call.StartsWith("fsync kv-", StringComparison.Ordinal));
                continue;
            }
            var lastCell = before.FindLastIndex(static call => call.StartsWith("pwrite kv-", StringComparison.Ordinal));
            var cellsSynced = before.FindLastIndex(static call => call.StartsWith("fdatasync kv-", StringComparison.Ordinal));
            var snapshotSynced = before.FindLastIndex(static call => call == "fsync snapshot.new");
            Assert.True(lastCell < cellsSynced && cellsSynced < snapshotSynced, $"save {saves}: {string.Join(", ", before)}");
            Assert.StartsWith("fsync ", calls[i + 1]); // the folder
        }
        Assert.True(saves > 15, $"only {saves} saves were seen");
    }

    [Fact]
    public Task RandomKills_100Sessions_NothingIsLostOrMixed() => KillAtRandomAsync(rounds: 12);

    [Fact]
    [Trait("length", "long")]
    public Task RandomKills_200Rounds_NothingIsLostOrMixed() => KillAtRandomAsync(rounds: 200);

    private async Task KillAtRandomAsync(int rounds)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("STOKER_SEED"), out var given) ? given : 20261121;
        output.WriteLine($"STOKER_SEED={seed}");
        var random = new Random(seed);
        var root = Root("random");
        // Two at once on one store, each with names of its own.
        var witnesses = new[] { new SessionWitness(), new SessionWitness() };
        for (var round = 0; round < rounds; round++)
        {
            var when = $"seed {seed}, round {round}";
            await Task.WhenAll(witnesses.Select((witness, i) =>
                SessionLabProgram.RunAsync([], [root, "random", $"{seed + (2 * round) + i}", $"p{i}-", "50"], witness, random.Next(1, 400))));
            var found = await SessionLabProgram.CheckAsync(root, when);
            for (var i = 0; i < 2; i++)
            {
                Assert.Null(witnesses[i].Error);
                witnesses[i].Compare(string.Join('\n', found.Split('\n').Where(line => line.StartsWith($"p{i}-", StringComparison.Ordinal))), when);
            }
        }
        output.WriteLine($"{witnesses.Sum(static witness => witness.Done)} changes in {2 * rounds} killed runs");
    }

    private string Root(string name) => _folder.CreateSubdirectory(name).FullName;

    /// <summary>The calls of an undisturbed run: what is called, and on which file.</summary>
    private async Task<IReadOnlyList<string>> CallsAsync(string tool, string name, params string[] more)
    {
        var root = Root(name);
        var witness = new SessionWitness();
        var (exitCode, error) = await SessionLabProgram.RunAsync([tool, root, "count", "0"], [root, "order", "7", .. more], witness);
        Assert.True(exitCode == 0, error);
        witness.Compare(await SessionLabProgram.CheckAsync(root, "undisturbed"), "undisturbed");
        return [.. Line().Matches(error).Select(static match => $"{match.Groups[1].Value} {Path.GetFileName(match.Groups[2].Value)}")];
    }

    [GeneratedRegex(@"^\d+ (\w+) (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Line();
}
