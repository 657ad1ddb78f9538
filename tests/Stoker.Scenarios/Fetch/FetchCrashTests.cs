using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>SIGKILL, and a disk that fails, at the calls that change files: the next fetch goes on and ends bit-identical.</summary>
public sealed class FetchCrashTests(ITestOutputHelper output)
{
    private const int Bytes = (2 * (8 << 20)) + 4321;

    [Fact]
    public async Task Kill_AtEachDurableStep_TheNextFetchEndsTheSame()
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync(Bytes);
        var steps = await StepsAsync(lab, tool);
        await Parallel.ForEachAsync(steps, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (step, _) => await InterfereAsync(lab, tool, "kill", step));
    }

    [Fact]
    [Trait("length", "long")]
    public async Task Kill_At200RandomPoints_TheNextFetchEndsTheSame()
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync(Bytes);
        var seed = int.TryParse(Environment.GetEnvironmentVariable("STOKER_SEED"), out var given) ? given : Environment.TickCount;
        output.WriteLine($"STOKER_SEED={seed}");
        var last = (await StepsAsync(lab, tool)).Max(static step => step.Number);
        var random = new Random(seed);
        for (var i = 0; i < 200; i++) await InterfereAsync(lab, tool, "kill", (random.Next(1, last + 1), $"seed {seed}, point {i}"));
    }

    [Theory]
    [InlineData(28, 6)] // ENOSPC
    [InlineData(122, 6)] // EDQUOT
    [InlineData(5, 12)] // EIO
    [InlineData(30, 12)] // EROFS
    [InlineData(24, 12)] // EMFILE
    public async Task Disk_FailsFromAStepOn_ItIsToldAndTheNextFetchGoesOn(int errno, int exitCode)
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync(Bytes);
        var steps = await StepsAsync(lab, tool);
        // Every errno at every fifth step, each beginning elsewhere; together they meet every step.
        var own = steps.Where((_, i) => i % 5 == errno % 5).ToList();
        await Parallel.ForEachAsync(own, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (step, _) => await InterfereAsync(lab, tool, errno.ToString(), step, exitCode));
    }

    [Theory]
    [Trait("length", "long")]
    [InlineData(28, 6)]
    [InlineData(122, 6)]
    [InlineData(5, 12)]
    [InlineData(30, 12)]
    [InlineData(24, 12)]
    public async Task Disk_FailsFromEachStepOn_ItIsToldAndTheNextFetchGoesOn(int errno, int exitCode)
    {
        var tool = FaultCall.PathOrSkip();
        await using var lab = await FetchLab.StartAsync(Bytes);
        foreach (var step in await StepsAsync(lab, tool)) await InterfereAsync(lab, tool, errno.ToString(), step, exitCode);
    }

    /// <summary>Each call that is not a repetition: of a row of equal ones the first, one in the middle and the last.</summary>
    private static async Task<IReadOnlyList<(int Number, string Call)>> StepsAsync(FetchLab lab, string tool)
    {
        await using var home = new StokerHome();
        var place = Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName;
        await using var program = home.Start(tool, [home.Folder, "count", "0", BuiltProgram.Path, .. lab.Fetch(Path.Combine(place, "f")), "--home", Path.Combine(home.Folder, "h")]);
        var said = (await program.EndAsync(StokerHome.Patience)).Expect(0);
        var calls = FetchLab.Calls(said.Error);
        // Both renames of a fetch, to the digest's name and to the wanted one, with the syncs of their folders.
        Assert.True(calls.Count(static call => call.Call.StartsWith("rename", StringComparison.Ordinal)) >= 2);
        Assert.Contains(calls, static call => call.Call == "fsync o");
        var chosen = new List<(int, string)>();
        for (var from = 0; from < calls.Count;)
        {
            var to = from;
            while (to + 1 < calls.Count && calls[to + 1].Call == calls[from].Call) to++;
            chosen.AddRange(new[] { from, (from + to) / 2, to }.Distinct().Select(index => calls[index]));
            from = to + 1;
        }
        return chosen;
    }

    private static async Task InterfereAsync(FetchLab lab, string tool, string how, (int Number, string Call) step, int? exitCode = null)
    {
        await using var home = new StokerHome();
        var store = Path.Combine(home.Folder, "h");
        var wanted = Path.Combine(Directory.CreateDirectory(Path.Combine(home.Folder, "o")).FullName, "f");
        string[] command = [.. lab.Fetch(wanted), "--home", store];
        await using (var first = home.Start(tool, [home.Folder, how, step.Number.ToString(), BuiltProgram.Path, .. command]))
        {
            var ended = await first.EndAsync(StokerHome.Patience);
            // What is only a hint or a shortcut may fail without the fetch failing.
            if (exitCode is { } code && ended.ExitCode != 0 && ended.ExitCode != code) Assert.Fail($"step {step}: ended with {ended.ExitCode}, expected {code} or 0\n{ended.Error}");
            if (exitCode is not null && ended.ExitCode != 0) Assert.Contains("stoker:", ended.Error);
        }
        FetchLab.AssertBlobsAreSound(store);
        await using var second = home.Start(BuiltProgram.Path, command);
        var again = await second.EndAsync(StokerHome.Patience);
        Assert.True(again.ExitCode == 0, $"step {step}: the second fetch ended with {again.ExitCode}\n{again.Error}");
        lab.AssertComplete(store, wanted);
    }
}
