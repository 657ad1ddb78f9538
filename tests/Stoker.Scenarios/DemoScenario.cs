using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>The tour of <c>./run demo</c>.</summary>
public sealed class DemoScenario
{
    [Fact]
    public async Task Tour_WithAKeyOfTheCaller_WorksAndLeavesNothing()
    {
        await using var home = new StokerHome();
        home.Environment["TMPDIR"] = home.Folder;
        home.Environment["STOKER_API_KEY"] = "x";

        await using var demo = home.Start(Path.Combine(AppContext.BaseDirectory, "Demo"), [BuiltProgram.Path]);
        demo.CloseInput();
        var ended = (await demo.EndAsync(StokerHome.Patience)).Expect(0);

        // The story, streamed by our own client.
        Assert.Matches(@"streaming:\e\[0m\n.*\w+ \w+ \w+", ended.Out);
        Assert.Matches(@"Done in \d+\.\d s; the hub sent [\d,]+ bytes", ended.Out);
        Assert.Matches(@"first token .*tokens/s", ended.Error);
        Assert.Empty(Directory.GetDirectories(home.Folder, "stoker-demo-*"));
        Assert.Empty(ProcessesNaming($"STOKER_HOME={home.Folder}/stoker-demo-"));
    }

    private static string[] ProcessesNaming(string setting) => [.. Directory.GetDirectories("/proc").Where(path => EnvironmentOf(path).Contains(setting, StringComparison.Ordinal))];

    private static string EnvironmentOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "environ"));
        }
        catch (Exception other) when (other is IOException or UnauthorizedAccessException)
        {
            return ""; // gone, or no process
        }
    }
}
