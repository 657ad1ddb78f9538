using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Tests.Core.Models;

public sealed class FileSelectionTests
{
    [Theory]
    [InlineData("", "", "anything/at.all", true)]
    [InlineData("*.safetensors", "", "model-00001-of-00002.safetensors", true)]
    [InlineData("*.safetensors", "", "unet/model.safetensors", true)]
    [InlineData("*.safetensors", "", "config.json", false)]
    [InlineData("*.safetensors", "", "MODEL.SAFETENSORS", false)]
    [InlineData("model-0000?-of-*", "", "model-00001-of-00002.safetensors", true)]
    [InlineData("unet/", "", "unet/deep/config.json", true)]
    [InlineData("unet/", "", "unet.json", false)]
    [InlineData("", "*.bin original/", "original/params.json", false)]
    [InlineData("", "*.bin original/", "config.json", true)]
    [InlineData("*.json *.txt", "*index*", "model.safetensors.index.json", false)]
    [InlineData("config.json", "", "sub/config.json", false)]
    public void Wants_Patterns_DecideByTheWholePath(string include, string exclude, string path, bool wanted)
    {
        var selection = FileSelection.Of(Words(include), Words(exclude)) ?? FileSelection.All;
        Assert.Equal(wanted, selection.Wants(path));
    }

    [Theory]
    [InlineData("[ab].json", "only * and ?")]
    [InlineData("a\\b", "only * and ?")]
    [InlineData("", "0 characters")]
    [InlineData("a\nb", "control character")]
    public void Of_APatternThatMeansNothing_IsRefused(string pattern, string why)
    {
        var refused = Assert.Throws<StokerException>(() => FileSelection.Of([pattern], null));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_Nothing_IsNull()
    {
        Assert.Null(FileSelection.Of(null, null));
        Assert.Null(FileSelection.Of([], []));
        Assert.Throws<StokerException>(() => FileSelection.Of([.. Enumerable.Repeat("*", 65)], null));
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
