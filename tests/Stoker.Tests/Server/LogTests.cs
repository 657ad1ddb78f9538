using Microsoft.Extensions.Logging;
using Stoker.Server;
using Stoker.Server.Admin;

namespace Stoker.Tests.Server;

public sealed class LogTests
{
    [Fact]
    public void LineLog_ForgedLines_StayOneLine()
    {
        using var output = new StringWriter();
        using var log = new LineLog(output, LogLevel.Information, TimeProvider.System);
        var logger = log.CreateLogger("Stoker.Test");
        logger.LogInformation("{Text}", "real\n2026-01-01T00:00:00.000Z error forged\u001b[31m");
        logger.LogDebug("too small to be told");
        var line = Assert.Single(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  Stoker\.Test: real 2026", line);
        Assert.DoesNotContain('\u001b', line);
    }

    [Fact]
    public void LineLog_OfKestrel_TellsWarningsAlone()
    {
        using var output = new StringWriter();
        using var log = new LineLog(output, LogLevel.Trace, TimeProvider.System);
        log.CreateLogger("Microsoft.AspNetCore.Server.Kestrel").LogInformation("noise");
        Assert.Equal("", output.ToString());
    }

    [Fact]
    public void RunnerLog_GrownTooLarge_BeginsAnewAndKeepsOne()
    {
        using var folder = new TempFolder();
        var path = folder.File("logs/runner.log");
        using var log = new RunnerLog(path, TimeProvider.System);
        var text = new string('x', 4000);
        for (long written = 0; written < RunnerLog.MaxBytes + 100_000; written += text.Length) log.Write("model", text);
        log.Write("other", "the last\nline");
        Assert.InRange(new FileInfo(path).Length, 1, 200_000);
        Assert.True(new FileInfo(path + ".1").Length > RunnerLog.MaxBytes);
        log.Dispose();
        Assert.EndsWith("[other] the last?line", File.ReadLines(path).Last(), StringComparison.Ordinal);
    }

    [Fact]
    public void RunnerLog_PathThatCannotBeWritten_HurtsNobody()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.File("runner.log"));
        using var log = new RunnerLog(folder.File("runner.log"), TimeProvider.System);
        log.Write("model", "lost");
    }

    [Fact]
    public void ProcessMemory_Status_IsReadInKilobytes()
    {
        var memory = ProcessMemory.Parse(["Name:\tstoker", "VmRSS:\t   54008 kB", "RssAnon:\t    6148 kB", "RssFile:\t 1 kB"]);
        Assert.Equal(new ProcessMemory(6148 * 1024, 54008 * 1024), memory);
        Assert.Equal(default, ProcessMemory.Parse(["RssAnon: nonsense"]));
    }
}
