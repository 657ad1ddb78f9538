using Stoker.Cli.Commands;
using Stoker.Core.Settings;

namespace Stoker.Tests.Cli.Commands;

/// <summary>CLI and daemon of different versions.</summary>
public sealed class HandshakeTests
{
    private const string Empty = """{"models":[]}""";

    [Fact]
    public async Task SameVersion_SaysNothing()
    {
        await using var daemon = new RawDaemon().AnswerVersion(ProgramVersion.Current).Answer("/admin/models", Empty);
        var console = new TestConsole();

        Assert.Equal(0, await RunAsync(console, daemon, "ls", "--json"));

        Assert.Equal("", console.Error);
    }

    [Fact]
    public async Task OtherVersion_NoTerminal_SaysSoAndGoesOn()
    {
        await using var daemon = new RawDaemon().AnswerVersion("9.9.9").Answer("/admin/models", Empty);
        var console = new TestConsole();

        Assert.Equal(0, await RunAsync(console, daemon, "ls", "--json"));

        Assert.Contains("is version 9.9.9; this program is", console.Error, StringComparison.Ordinal);
        Assert.Contains("stoker serve --stop", console.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("/admin/shutdown", daemon.Asked);
    }

    [Fact]
    public async Task OtherVersion_Terminal_OffersARestart_NoLeavesItRunning()
    {
        await using var daemon = new RawDaemon().AnswerVersion("9.9.9").Answer("/admin/models", Empty).Answer("/admin/status", Status(jobs: 2));
        var console = new TestConsole("n\n", terminal: true);

        Assert.Equal(0, await RunAsync(console, daemon, "ls", "--json"));

        Assert.Contains("Restart it? It has 2 jobs, which would end. [y/N]", console.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("/admin/shutdown", daemon.Asked);
    }

    [Fact]
    public async Task OtherVersion_Terminal_YesEndsTheOldOne()
    {
        await using var daemon = new RawDaemon().AnswerVersion("9.9.9").Answer("/admin/status", Status(jobs: 0));
        daemon.Answer("/admin/shutdown", """{"version":"9.9.9","pid":4242,"startedAt":"2026-01-01T00:00:00+00:00","runtime":".NET"}""", status: 202);
        var console = new TestConsole("y\n", terminal: true);

        // With --no-start it ends there: the old one is told to go, and no new one may come.
        Assert.Equal(9, await RunAsync(console, daemon, "ls", "--json", "--no-start"));

        Assert.Contains("/admin/shutdown", daemon.Asked);
    }

    [Theory]
    [InlineData("lss", "Did you mean: stoker ls")]
    [InlineData("show", "Help: stoker show --help")]
    [InlineData("run tiny --nonsense=1 x", "")]
    [InlineData("pull x --source nowhere", "Help: stoker pull --help")]
    [InlineData("config set", "Help: stoker config set --help")]
    public async Task Mistakes_AreToldInALineOrTwo(string line, string words)
    {
        await using var daemon = new RawDaemon();
        var console = new TestConsole();

        var code = await RunAsync(console, daemon, [.. line.Split(' '), "--no-start"]);

        if (words.Length > 0) Assert.Equal(2, code);
        Assert.Contains(words, console.Error, StringComparison.Ordinal);
        Assert.Equal("", console.Out);
        Assert.InRange(console.Error.Split('\n').Length, 1, 5);
    }

    private static Task<int> RunAsync(TestConsole console, RawDaemon daemon, params string[] arguments) => CommandLine.RunAsync(
        new CliContext
        {
            Console = console.Console,
            Environment = new Dictionary<string, string> { ["STOKER_HOME"] = daemon.Home },
            ProgramPath = "/no/such/program",
        },
        arguments);

    private static string Status(int jobs) =>
        $$"""{"daemon":{"version":"9.9.9","pid":4242,"startedAt":"2026-01-01T00:00:00+00:00","runtime":".NET"},"home":"/h","socketPath":"/s","runningJobs":{{jobs}}}""";
}
