using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply;
using Stoker.Supply.Sources;
using TinyModel;

namespace Stoker.Tests.Supply;

/// <summary>Files of the user's own and the built-in model: used where they lie.</summary>
public sealed class ModelSupplyInPlaceTests : IDisposable
{
    private readonly TempFolder _home = new();
    private readonly TempFolder _files = new();
    private readonly ModelSupply _supply;

    public ModelSupplyInPlaceTests()
    {
        Directory.CreateDirectory(_files.File("models/tiny"));
        File.WriteAllText(_files.File("models/short-names.json"), """{"models":{"tiny":{"builtin":"tiny/tiny.gguf"},"gone":{"builtin":"no/such.gguf"}}}""");
        RandomModel.Write(_files.File("models/tiny/tiny.gguf"), Options);
        _supply = new ModelSupply(new SupplyOptions { Home = _home.Path, ProgramFolder = _files.Path });
    }

    private static RandomModelOptions Options => new() { Shape = "tiny" };

    public void Dispose()
    {
        _supply.Dispose();
        _home.Dispose();
        _files.Dispose();
    }

    [Fact]
    public async Task Path_IsFoundForTheOwnerAloneAndHeldInPlace()
    {
        var path = Assert.Single(RandomModel.Write(_files.File("my model#1%.gguf"), Options));
        Assert.Null(await _supply.FindAsync(path, CallerTrust.Network, CancellationToken.None));
        Assert.Null(await _supply.FindAsync(path, CallerTrust.Group, CancellationToken.None));
        var manifest = await _supply.FindAsync(path, CallerTrust.Owner, CancellationToken.None);
        Assert.NotNull(manifest);
        using var lease = await _supply.HoldAsync(manifest, CancellationToken.None);
        Assert.Equal([path], lease.WeightPaths);
        Assert.Equal(path, manifest.Name);
        Assert.False(Directory.Exists(Path.Combine(_home.Path, "blobs")), "Nothing is copied.");
    }

    [Fact]
    public async Task Path_OfAnyPartOfASplit_MeansTheWhole()
    {
        var parts = RandomModel.Write(_files.File("split.gguf"), Options with { Parts = 3 });
        var manifest = await _supply.PullAsync(new FileReference(parts[1]), new SourceAccess(), new StageBoard(), CancellationToken.None);
        using var lease = await _supply.HoldAsync(manifest, CancellationToken.None);
        Assert.Equal(parts, lease.WeightPaths);
        File.Delete(parts[2]);
        Assert.Null(await _supply.FindAsync(parts[0], CallerTrust.Owner, CancellationToken.None));
    }

    [Fact]
    public async Task Path_ThatIsNoModel_IsRefused()
    {
        File.WriteAllText(_files.File("text.gguf"), "not a model at all, but long enough to be looked at");
        var refused = await Assert.ThrowsAsync<StokerException>(() => Pull(_files.File("text.gguf")));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.Equal(ErrorKind.Unsupported, (await Assert.ThrowsAsync<StokerException>(() => Pull(_files.Path))).Kind);
        Assert.Equal(ErrorKind.NotFound, (await Assert.ThrowsAsync<StokerException>(() => Pull(_files.File("absent.gguf")))).Kind);
        Assert.Equal(ErrorKind.Unsupported, (await Assert.ThrowsAsync<StokerException>(() => Pull("/dev/null"))).Kind);
    }

    [Fact]
    public async Task Path_NamedByAGroupMember_IsForbidden()
    {
        var access = new SourceAccess { Trust = CallerTrust.Group };
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.ResolveAsync(new FileReference(_files.File("models/tiny/tiny.gguf")), access, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
    }

    [Fact]
    public async Task Builtin_IsListedFoundHeldAndNotRemoved()
    {
        var listed = Assert.Single(await _supply.ListAsync(CancellationToken.None));
        Assert.Equal(ModelSourceKind.Builtin, listed.Source);
        var found = await _supply.FindAsync("tiny", CallerTrust.Network, CancellationToken.None);
        Assert.NotNull(found);
        using var lease = await _supply.HoldAsync(found, CancellationToken.None);
        Assert.Equal([_files.File("models/tiny/tiny.gguf")], lease.WeightPaths);
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.RemoveAsync("tiny", CancellationToken.None));
        Assert.Equal(ErrorKind.Unsupported, refused.Kind);
    }

    [Fact]
    public async Task Builtin_ThatIsMissing_SaysWhereItShouldBe()
    {
        Assert.Null(await _supply.FindAsync("gone", CallerTrust.Owner, CancellationToken.None));
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.PullAsync(new ShortReference("gone", null), new SourceAccess(), new StageBoard(), CancellationToken.None));
        Assert.Contains("no/such.gguf", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("hf:../..")]
    [InlineData("a%2e%2eb")]
    public async Task Find_HostileName_IsRefused(string name)
    {
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.FindAsync(name, CallerTrust.Network, CancellationToken.None));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
    }

    [Fact]
    public async Task List_WhileTheUsersRegistryIsBroken_ShowsWhatIsInstalled()
    {
        File.WriteAllText(Path.Combine(_home.Path, "models.json"), "{");
        Assert.Empty(await _supply.ListAsync(CancellationToken.None));
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.FindAsync("tiny", CallerTrust.Network, CancellationToken.None));
        Assert.Contains("models.json", refused.Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(_home.Path, "models.json"));
        Assert.Single(await _supply.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Pull_UnknownShortName_NamesWhatThereIs()
    {
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.PullAsync(new ShortReference("tinny", null), new SourceAccess(), new StageBoard(), CancellationToken.None));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains("tiny", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_S3WhileOffline_IsRefusedAndNoNameIsAskedFor()
    {
        var refused = await Assert.ThrowsAsync<StokerException>(() => _supply.PullAsync(new S3Reference("bucket", "a.gguf"), new SourceAccess { Offline = true }, new StageBoard(), CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("STOKER_OFFLINE", refused.Message, StringComparison.Ordinal);
    }

    private Task<ModelManifest> Pull(string path) => _supply.PullAsync(new FileReference(path), new SourceAccess(), new StageBoard(), CancellationToken.None);
}
