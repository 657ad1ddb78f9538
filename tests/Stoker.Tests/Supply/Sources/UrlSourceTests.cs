using FsCheck;
using FsCheck.Fluent;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class UrlSourceTests
{
    [Fact]
    public void NameOf_SignedAddress_IsTheSameTomorrow()
    {
        Assert.Equal("https://h.example/a.gguf", NameOf("https://h.example/a.gguf?X-Amz-Signature=1&X-Amz-Date=2&Expires=3"));
        Assert.Equal(NameOf("https://h.example/get?file=a.gguf&sig=1"), NameOf("https://h.example/get?sig=2&file=a.gguf"));
        Assert.NotEqual(NameOf("https://h.example/get?file=a.gguf"), NameOf("https://h.example/get?file=b.gguf"));
        Assert.DoesNotContain("hunter2", NameOf("https://h.example/get?password=hunter2"), StringComparison.Ordinal);
    }

    [Fact]
    public void FileAddress_OfAnyPath_ComesBack() =>
        Prop.ForAll(Gen.Elements("/", "a", "%", "%2F", "#", "?", " ", "é", "\u2215", "\\", "..", "+", "&").NonEmptyListOf().Select(static parts => "/x" + string.Concat(parts).TrimEnd('/')).ToArbitrary(), path =>
        {
            // Kernel paths are what they are; dot segments are resolved before a path becomes an address.
            var whole = Path.GetFullPath(path);
            Assert.Equal(whole, FileAddress.PathOf(FileAddress.Of(whole)));
            Assert.Equal(whole, FileAddress.PathOf(new Uri(FileAddress.Of(whole).AbsoluteUri)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000).WithReplay(20261121, 11).WithQuietOnSuccess(true));

    private static string NameOf(string address) => UrlSource.NameOf(new Uri(address));
}
