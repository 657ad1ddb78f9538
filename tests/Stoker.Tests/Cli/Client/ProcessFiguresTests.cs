using Stoker.Cli.Client;

namespace Stoker.Tests.Cli.Client;

public sealed class ProcessFiguresTests
{
    [Fact]
    public void Parse_KernelsFormat_FourFiguresInMib()
    {
        string[] status = ["Name:\tstoker", "VmHWM:\t   20480 kB", "VmRSS:\t   18432 kB", "RssAnon:\t    6144 kB", "RssFile:\t   12288 kB"];
        string[] rollup = ["5581-7ffd ---p 00000000 00:00 0    [rollup]", "Rss:               18432 kB", "Private_Dirty:      5120 kB", "Private_Clean:      1024 kB"];

        Assert.Equal(new ProcessFigures(6, 12, 5, 20), ProcessFigures.Parse(status, rollup));
    }

    [Fact]
    public void Parse_WithoutTheLines_Zeros() => Assert.Equal(new ProcessFigures(0, 0, 0, 0), ProcessFigures.Parse(["Name:\tkthreadd"], []));

    [Fact]
    public void TryRead_ThisProcess_HasPrivateMemory_AndNoneOfOneThatIsNot()
    {
        Assert.True(ProcessFigures.TryRead(Environment.ProcessId) is { RssAnon: > 1, VmHwm: > 1 });
        Assert.Null(ProcessFigures.TryRead(0));
        Assert.True(ProcessFigures.TryReadPrivateBytes(Environment.ProcessId) > 1 << 20);
        Assert.Null(ProcessFigures.TryReadPrivateBytes(0));
    }
}
