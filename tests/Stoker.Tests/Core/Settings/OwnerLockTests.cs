using Stoker.Core.Settings;

namespace Stoker.Tests.Core.Settings;

public sealed class OwnerLockTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("stoker-owner-").FullName;
    private readonly StokerPaths _paths;

    public OwnerLockTests() => _paths = StokerPaths.Create(_home, new Dictionary<string, string>());

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void TryAcquire_HeldAlready_GivesNothing_AndTellsWhoHoldsIt()
    {
        using var first = OwnerLock.TryAcquire(_paths);

        Assert.NotNull(first);
        Assert.Null(OwnerLock.TryAcquire(_paths));
        var owner = OwnerLock.Read(_paths);
        Assert.Equal(Environment.ProcessId, owner?.Pid);
        Assert.True(owner?.IsOfThisSystem());
    }

    [Fact]
    public void TryAcquire_AfterDispose_Succeeds()
    {
        OwnerLock.TryAcquire(_paths)!.Dispose();

        using var second = OwnerLock.TryAcquire(_paths);

        Assert.NotNull(second);
    }

    [Fact]
    public void Read_AbsentOrNonsense_GivesNothing()
    {
        Assert.Null(OwnerLock.Read(_paths));
        File.WriteAllText(_paths.OwnerLock, "{torn");
        Assert.Null(OwnerLock.Read(_paths));
    }

    [Fact]
    public void IsOfThisSystem_OtherBoot_IsFalse() =>
        Assert.False((OwnerRecord.OfThisProcess() with { BootId = "another" }).IsOfThisSystem());
}
