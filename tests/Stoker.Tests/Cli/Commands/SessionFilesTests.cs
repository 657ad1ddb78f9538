using Stoker.Cli.Commands;
using Stoker.Core.Settings;

namespace Stoker.Tests.Cli.Commands;

/// <summary>Where an archive may go, and what is told of a file that is none.</summary>
public sealed class SessionFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Export_OntoWhatIsNoFile_LeavesItAsItWas()
    {
        await using var daemon = new RawDaemon().AnswerVersion(ProgramVersion.Current);
        Directory.CreateDirectory(_folder.File("folder"));
        File.CreateSymbolicLink(_folder.File("link"), "/dev/null");
        foreach (var (target, words) in new[] { ("folder", "is a folder"), ("none/x", "There is no folder"), ("link", "a device") })
        {
            var console = new TestConsole();
            Assert.Equal(2, await RunAsync(console, daemon, "sessions", "export", "trip", _folder.File(target), "--force"));
            Assert.Contains(words, console.Error, StringComparison.Ordinal);
        }
        Assert.Equal("/dev/null", new FileInfo(_folder.File("link")).LinkTarget);
        Assert.Equal(["folder", "link"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("none", 3, "There is no file")]
    [InlineData(".", 2, "is a folder")]
    public async Task Import_WhatIsNoFile_IsSaid(string path, int code, string words)
    {
        await using var daemon = new RawDaemon().AnswerVersion(ProgramVersion.Current);
        var console = new TestConsole();

        Assert.Equal(code, await RunAsync(console, daemon, "sessions", "import", _folder.File(path), "--name", "copy"));

        Assert.Contains(words, console.Error, StringComparison.Ordinal);
    }

    private static Task<int> RunAsync(TestConsole console, RawDaemon daemon, params string[] arguments) => CommandLine.RunAsync(
        new CliContext
        {
            Console = console.Console,
            Environment = new Dictionary<string, string> { ["STOKER_HOME"] = daemon.Home },
            ProgramPath = "/no/such/program",
        },
        arguments);
}
