using Stoker.Core.Errors;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class GgufChoiceTests
{
    [Theory]
    [InlineData("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M")]
    [InlineData("Llama-3.2-3B-Instruct-Q4_K_M.gguf", "Q4_K_M")]
    [InlineData("LFM2-350M-Q4_K_M-hip-optimized.gguf", "Q4_K_M")]
    [InlineData("model.IQ4_XS.gguf", "IQ4_XS")]
    [InlineData("gpt-oss-20b-MXFP4.gguf", "MXFP4")]
    [InlineData("x-UD-Q4_K_XL.gguf", "UD-Q4_K_XL")]
    [InlineData("x-bf16.gguf", "BF16")]
    [InlineData("BF16/x-00001-of-00002.gguf", "BF16")]
    [InlineData("Q8_0/model.gguf", "Q8_0")]
    [InlineData("model-f16.gguf", "F16")]
    [InlineData("TQ1_0/a.gguf", "TQ1_0")]
    [InlineData("model.gguf", null)]
    [InlineData("Q2D2.gguf", null)]
    public void QuantOf_ANameFromTheHub_IsRead(string path, string? quant) =>
        Assert.Equal(quant, GgufChoice.QuantOf(path.Replace("-00001-of-00002", "", StringComparison.Ordinal)));

    [Theory]
    [InlineData("a-Q8_0.gguf b-Q4_K_M.gguf", null, "b-Q4_K_M.gguf")]
    [InlineData("a-Q8_0.gguf a-Q4_K_S.gguf", null, "a-Q4_K_S.gguf")]
    [InlineData("a-UD-Q4_K_XL.gguf a-Q2_K.gguf", null, "a-UD-Q4_K_XL.gguf")]
    [InlineData("a-UD-Q4_K_M.gguf a-Q4_K_M.gguf", null, "a-Q4_K_M.gguf")]
    [InlineData("a-Q4_K_M-special.gguf a-Q4_K_M.gguf", null, "a-Q4_K_M.gguf")]
    [InlineData("sub/a-Q4_K_M.gguf aaaaaaaaaaaaaaaaaaaa-Q4_K_M.gguf", null, "aaaaaaaaaaaaaaaaaaaa-Q4_K_M.gguf")]
    [InlineData("mmproj-a-Q4_K_M.gguf a-imatrix-Q4_K_M.gguf a-F32.gguf", null, "a-F32.gguf")]
    [InlineData("a-Q8_0.gguf a-Q4_K_M.gguf", "Q8_0", "a-Q8_0.gguf")]
    [InlineData("a-UD-Q2_K_XL.gguf", "Q2_K_XL", "a-UD-Q2_K_XL.gguf")]
    [InlineData("odd.gguf another-odd-one.gguf", null, "odd.gguf")]
    public void Choose_FollowsTheOrder(string paths, string? quant, string chosen) =>
        Assert.Equal(chosen, Assert.Single(GgufChoice.Choose("o/r", Tree(paths), quant, null).Files).Path);

    [Fact]
    public void Choose_ByAnyPart_GivesTheWholeInOrder()
    {
        var tree = Tree("x-Q8_0-00002-of-00003.gguf x-Q8_0-00003-of-00003.gguf x-Q8_0-00001-of-00003.gguf x-Q8_0-00001-of-00002.gguf");
        var chosen = GgufChoice.Choose("o/r", tree, null, "x-Q8_0-00002-of-00003.gguf");
        Assert.Equal([1, 2, 3], chosen.Files.Select(static file => int.Parse(file.Path[8..12])));
        Assert.Equal(chosen.Files, GgufChoice.Choose("o/r", tree, "Q8_0", null).Files);
        Assert.Contains("lacks 1 of the 2", Assert.Throws<StokerException>(() => GgufChoice.Choose("o/r", tree, null, "x-Q8_0-00001-of-00002.gguf")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("README.md", null, "no GGUF model: none at all")]
    [InlineData("model.safetensors", null, "safetensors")]
    [InlineData("mmproj-x.gguf", null, "none at all")]
    [InlineData("a-Q8_0-00001-of-00002.gguf", null, "incomplete")]
    [InlineData("a-Q8_0.gguf b-Q6_K.gguf", "Q4_0", "It has: Q6_K, Q8_0.")]
    public void Choose_NothingThatFits_SaysWhatThereIs(string paths, string? quant, string hint)
    {
        var refused = Assert.Throws<StokerException>(() => GgufChoice.Choose("o/r", Tree(paths), quant, null));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains(hint, refused.Message, StringComparison.Ordinal);
    }

    private static List<RepositoryFile> Tree(string paths) =>
        [.. paths.Split(' ').Select(static path => new RepositoryFile(path, path.Length, null, null))];
}
