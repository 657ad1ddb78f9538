using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Kv;

/// <summary>Where the cells of conversations had better not lie.</summary>
public sealed class KvFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // statfs(2): NFS, CIFS, FUSE (sshfs and others), 9P.
    [Theory]
    [InlineData(0x6969, "NFS")]
    [InlineData(0xFF534D42, "CIFS")]
    [InlineData(0x65735546, "FUSE")]
    [InlineData(0x01021997, "9P")]
    public void WhyNot_OnAServer_AutoTakesMemoryAndSsdInsists(long type, string name)
    {
        var why = KvFolder.WhyNot(KvMode.Auto, _folder.Path, _ => type);
        Assert.Contains($"{_folder.Path} lies on {name}, whose failure would end the process", why, StringComparison.Ordinal);
        Assert.Contains("--kv ssd", why, StringComparison.Ordinal);
        Assert.Null(KvFolder.WhyNot(KvMode.Ssd, _folder.Path, _ => type));
        Assert.Null(KvFolder.WhyNot(KvMode.Ram, _folder.Path, _ => type));
    }

    [Theory]
    [InlineData(0xEF53)] // ext4
    [InlineData(0x58465342)] // XFS
    [InlineData(0x9123683E)] // btrfs
    public void WhyNot_OnADiskOfThisMachine_Nothing(long type) => Assert.Null(KvFolder.WhyNot(KvMode.Auto, _folder.Path, _ => type));

    [Fact]
    public void WhyNot_NoFolder_IsSaid() => Assert.Equal("there is no folder for conversations", KvFolder.WhyNot(KvMode.Auto, null));
}
