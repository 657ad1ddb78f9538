using System.Text;
using Stoker.Core.Children;
using Stoker.Core.Errors;

namespace Stoker.Tests.Core.Children;

/// <summary>Starting children that are not what they should be; shell scripts stand for them.</summary>
public sealed class ChildLinkTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Child_ThatEndsAtOnce_IsToldWithItsLastLines()
    {
        var error = await Assert.ThrowsAsync<StokerException>(() => StartAsync("echo first >&2; echo second >&2; exit 3"));
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Contains("code 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("first | second", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Child_ThatSaysNothing_IsGivenUpAndEnded()
    {
        var time = new ManualTimeProvider();
        var pidFile = _folder.File("pid");
        var start = StartAsync($"echo $$ > {pidFile}.new; mv {pidFile}.new {pidFile}; exec sleep 1000", time);
        await Patience.UntilAsync(() => File.Exists(pidFile), "the child does not begin");
        var pid = int.Parse(await File.ReadAllTextAsync(pidFile, _cancellation), System.Globalization.CultureInfo.InvariantCulture);
        time.Advance(TimeSpan.FromMinutes(1));
        var error = await Assert.ThrowsAsync<StokerException>(() => start.WaitAsync(TimeSpan.FromMinutes(1), _cancellation));
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Contains("said nothing", error.Message, StringComparison.Ordinal);
        await Patience.UntilAsync(() => !Stoker.Native.Libc.OwnProcess.Signal(pid, Stoker.Native.Libc.UnixSignal.None), "the child lives on");
    }

    [Fact]
    public async Task Start_Cancelled_EndsTheChild()
    {
        using var cancel = new CancellationTokenSource();
        var start = StartAsync("exec sleep 1000", cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start.WaitAsync(TimeSpan.FromMinutes(1), _cancellation));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task RunFolderThatIsAFile_IsAnErrorThatNamesIt()
    {
        var file = _folder.File("file");
        await File.WriteAllTextAsync(file, "", _cancellation);
        var error = await Assert.ThrowsAsync<StokerException>(() => StartAsync("exit 0", runFolder: Path.Combine(file, "run")));
        Assert.Equal(ErrorKind.Io, error.Kind);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunFolderTooDeepForASocket_StillStarts()
    {
        var deep = _folder.File(new string('d', 120));
        // The script proves that it got a socket path that fits.
        var error = await Assert.ThrowsAsync<StokerException>(() => StartAsync("echo $1 length ${#2} >&2; exit 1", runFolder: deep));
        Assert.Matches("--socket length [0-9]{1,2}$", error.Message);
        Assert.False(Directory.Exists(deep));
    }

    [Fact]
    public async Task LogTail_KeepsTheLastLines_AndCutsLongOnes()
    {
        var tail = new LogTail(maxLines: 2, maxLineBytes: 10);
        var forwarded = new List<string>();
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes($"one\n\ntwo\r\n{new string('x', 5000)}\nlast, unfinished"));
        await tail.ReadAsync(stream, forwarded.Add, _cancellation);
        Assert.Equal(["xxxxxxxxxx", "last, unfi"], tail.Lines);
        Assert.Equal(["one", "two", "xxxxxxxxxx", "last, unfi"], forwarded);
    }

    private Task<ChildLink> StartAsync(string script, TimeProvider? time = null, string? runFolder = null, CancellationToken? cancellationToken = null) =>
        ChildLink.StartAsync(
            new ChildStart { Role = "runner", Program = "/bin/sh", Arguments = ["-c", script, "sh"], RunFolder = runFolder ?? _folder.Path, Protocol = 1 },
            time ?? TimeProvider.System,
            cancellationToken ?? _cancellation);
}
