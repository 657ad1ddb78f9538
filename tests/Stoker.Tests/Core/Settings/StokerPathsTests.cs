using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Settings;

namespace Stoker.Tests.Core.Settings;

public sealed class StokerPathsTests
{
    private static readonly Dictionary<string, string> Runtime = new() { ["XDG_RUNTIME_DIR"] = "/run/user/1000" };

    [Fact]
    public void Socket_ShortHome_LiesInRun() =>
        Assert.Equal("/h/run/stoker.sock", StokerPaths.Create("/h/", Runtime).Socket);

    [Theory]
    [InlineData(107, true)]
    [InlineData(108, false)]
    public void Socket_AtTheKernelsLimit_MovesToTheRuntimeFolder(int bytes, bool near)
    {
        var home = "/" + new string('h', bytes - "//run/stoker.sock".Length);

        var socket = StokerPaths.Create(home, Runtime).Socket;

        Assert.Equal(near, socket.StartsWith(home, StringComparison.Ordinal));
        Assert.InRange(Encoding.UTF8.GetByteCount(socket), 1, 107);
        if (!near) Assert.Matches("^/run/user/1000/stoker-[0-9a-f]{16}[.]sock$", socket);
    }

    [Fact]
    public void Socket_CountsBytesNotCharacters()
    {
        var home = "/" + new string('ü', 60);

        Assert.StartsWith("/run/user/1000/", StokerPaths.Create(home, Runtime).Socket, StringComparison.Ordinal);
    }

    [Fact]
    public void Socket_LongHomeWithoutRuntimeFolder_SaysWhatToDo()
    {
        var paths = StokerPaths.Create("/" + new string('h', 200), new Dictionary<string, string>());

        var problem = Assert.Throws<StokerException>(() => paths.Socket);

        Assert.Contains("XDG_RUNTIME_DIR", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Socket_TwoHomes_DoNotShare() =>
        Assert.NotEqual(StokerPaths.Create("/" + new string('a', 200), Runtime).Socket, StokerPaths.Create("/" + new string('b', 200), Runtime).Socket);
}
