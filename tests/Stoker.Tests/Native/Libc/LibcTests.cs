using System.Net.Sockets;
using Stoker.Native.Libc;

namespace Stoker.Tests.Native.Libc;

public sealed class LibcTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-libc-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FileLock_HeldByAnother_IsRefusedUntilDisposed()
    {
        var path = Path.Combine(_folder, "owner.lock");
        using (var first = FileLock.TryAcquire(path))
        {
            Assert.NotNull(first);
            Assert.Null(FileLock.TryAcquire(path));
        }
        using var second = FileLock.TryAcquire(path);
        Assert.NotNull(second);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void FileLock_FileStaysOpenElsewhere_IsFreeOnceDisposed()
    {
        var path = Path.Combine(_folder, "owner.lock");
        var first = FileLock.TryAcquire(path)!;
        var isHeldOpen = false;
        // As by a child that another thread is just starting: until its exec it has all that is open here.
        first.File.DangerousAddRef(ref isHeldOpen);
        try
        {
            first.Dispose();
            first.Dispose();
            using var second = FileLock.TryAcquire(path);
            Assert.NotNull(second);
        }
        finally
        {
            first.File.DangerousRelease();
        }
    }

    [Fact]
    public void FileLock_OnASymbolicLink_IsRefused()
    {
        File.WriteAllText(Path.Combine(_folder, "target"), "");
        var link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, "target");
        Assert.Throws<LibcException>(() => FileLock.TryAcquire(link));
    }

    [Fact]
    public void Space_OfAFolder_IsWhatDriveInfoSays()
    {
        var space = Files.Space(_folder);
        Assert.InRange(space.AvailableBytes, 1, space.TotalBytes);
        Assert.Equal(new DriveInfo(_folder).TotalSize, space.TotalBytes);
    }

    [Fact]
    public void SyncDirectory_MissingFolder_SaysWhich()
    {
        Files.SyncDirectory(_folder);
        var error = Assert.Throws<LibcException>(() => Files.SyncDirectory(Path.Combine(_folder, "absent")));
        Assert.Equal(Errno.NoEntry, error.Errno);
        Assert.Contains("absent", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CreatePrivateDirectory_Existing_IsAnError()
    {
        var path = Path.Combine(_folder, "private");
        Files.CreatePrivateDirectory(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
        Assert.Equal(Errno.Exists, Assert.Throws<LibcException>(() => Files.CreatePrivateDirectory(path)).Errno);
    }

    [Fact]
    public async Task PeerCredentials_OfOwnConnection_AreOurs()
    {
        var path = Path.Combine(_folder, "s");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
        using var accepted = await listener.AcceptAsync();
        var peer = PeerCredentials.Of(accepted);
        Assert.Equal(Environment.ProcessId, peer.ProcessId);
        Assert.Equal(OwnProcess.EffectiveUserId, peer.UserId);
    }

    [Fact]
    public void AllowedProcessors_CountIsWhatTheRuntimeSees()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("DOTNET_PROCESSOR_COUNT") is not null, "SKIPPED: the runtime was told how many processors to see.");
        // The runtime counts affinity too, and then a quota: ours can only be as many or more.
        Assert.True(OwnProcess.AllowedProcessors().Count >= Environment.ProcessorCount);
    }

    [Fact]
    public void Signal_NoSuchProcess_IsFalse()
    {
        Assert.True(OwnProcess.Signal(Environment.ProcessId, UnixSignal.None));
        Assert.False(OwnProcess.Signal(int.MaxValue - 1, UnixSignal.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => OwnProcess.Signal(-1, UnixSignal.None));
    }
}
