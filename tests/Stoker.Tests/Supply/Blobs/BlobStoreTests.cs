using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Blobs;

public sealed class BlobStoreTests : IDisposable
{
    private readonly TempFolder _home = new();
    private readonly BlobStore _store;

    public BlobStoreTests() => _store = new BlobStore(_home.Path);

    public void Dispose()
    {
        _store.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task Publish_GivesTheBlobItsNameReadOnly()
    {
        var digest = Keep("hello");
        Assert.Equal(Path.Combine(_home.Path, "blobs", "sha256", digest.Hex[..2], digest.Hex), _store.PathOf(digest));
        Assert.Equal("hello", File.ReadAllText(_store.PathOf(digest)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(_store.PathOf(digest)));
        Assert.Empty(Directory.GetFiles(Path.Combine(_home.Path, "partial")));
        using var lease = await _store.HoldAsync(digest, CancellationToken.None);
        Assert.Equal(5, lease?.SizeBytes);
    }

    [Fact]
    public async Task Hold_AbsentBlob_IsNull() =>
        Assert.Null(await _store.HoldAsync(DigestOf("nothing"), CancellationToken.None));

    [Fact]
    public async Task Hold_BlobChangedInPlace_IsRefusedAndMovedAway()
    {
        var digest = Keep("hello");
        File.SetUnixFileMode(_store.PathOf(digest), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(_store.PathOf(digest), "jello");
        var refused = await Assert.ThrowsAsync<StokerException>(() => _store.HoldAsync(digest, CancellationToken.None));
        Assert.Equal(ErrorKind.Corrupt, refused.Kind);
        Assert.False(_store.Contains(digest));
        Assert.False(_store.IsHeld(digest));
        Keep("hello");
        using var again = await _store.HoldAsync(digest, CancellationToken.None);
        Assert.NotNull(again);
    }

    [Fact]
    public async Task Hold_BlobTouchedButWhole_IsVerifiedAgainAndGiven()
    {
        var digest = Keep("hello");
        File.SetLastWriteTimeUtc(_store.PathOf(digest), new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        using var lease = await _store.HoldAsync(digest, CancellationToken.None);
        Assert.NotNull(lease);
    }

    [Fact]
    public async Task Hold_WithoutTheRecordOfVerification_VerifiesAgain()
    {
        var digest = Keep("hello");
        Directory.Delete(Path.Combine(_home.Path, "maps"), recursive: true);
        using (var lease = await _store.HoldAsync(digest, CancellationToken.None)) Assert.NotNull(lease);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(_home.Path, "maps"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task TryRemove_HeldBlob_StaysUntilTheLastHoldIsGone()
    {
        var digest = Keep("hello");
        var first = await _store.HoldAsync(digest, CancellationToken.None);
        var second = await _store.HoldAsync(digest, CancellationToken.None);
        Assert.False(_store.TryRemove(digest));
        first!.Dispose();
        first.Dispose();
        Assert.False(_store.TryRemove(digest));
        second!.Dispose();
        Assert.True(_store.TryRemove(digest));
        Assert.False(_store.Contains(digest));
        Assert.False(_store.TryRemove(digest));
    }

    [Fact]
    public void Publish_SameContentTwice_KeepsOne()
    {
        Keep("hello");
        Keep("hello");
        Assert.Single(_store.List());
    }

    [Fact]
    public void Discard_LeavesNothing()
    {
        using var partial = _store.OpenNamelessPartial();
        partial.Write("x"u8, 0);
        partial.Discard();
        Assert.Empty(Directory.GetFiles(Path.Combine(_home.Path, "partial")));
    }

    [Fact]
    public void PrunePartials_DropsOnlyOldOnes()
    {
        _store.OpenPartial(DigestOf("a"), fresh: false).Dispose();
        using (var old = _store.OpenPartial(DigestOf("b"), fresh: false)) old.Write("four"u8, 0);
        var now = DateTimeOffset.Parse("2030-01-10T00:00:00Z");
        foreach (var path in Directory.GetFiles(Path.Combine(_home.Path, "partial")))
            File.SetLastWriteTimeUtc(path, now.UtcDateTime.AddDays(path.Contains(DigestOf("b").Hex, StringComparison.Ordinal) ? -9 : -1));
        Assert.Equal(4, _store.Partials.Prune(TimeSpan.FromDays(7), now));
        Assert.Single(Directory.GetFiles(Path.Combine(_home.Path, "partial")));
    }

    private Digest Keep(string text)
    {
        using var partial = _store.OpenNamelessPartial();
        partial.Write(Encoding.UTF8.GetBytes(text), 0);
        using var lease = _store.Publish(partial, DigestOf(text));
        return lease.Digest;
    }

    private static Digest DigestOf(string text) => Digest.FromBytes(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
