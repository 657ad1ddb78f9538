using Stoker.Cli.Commands;

namespace Stoker.Tests.Cli.Commands;

public sealed class ModelArgumentTests
{
    private static readonly Dictionary<string, string> Home = new() { ["HOME"] = "/home/x" };

    [Theory]
    [InlineData("qwen2.5:0.5b")]
    [InlineData("hf:org/repo:Q8_0")]
    [InlineData("org/repo")]
    [InlineData("ollama:name")]
    [InlineData("https://host/model.gguf")]
    [InlineData("file:///a/b.gguf")]
    [InlineData("no-such-file.gguf")]
    [InlineData("-x")]
    [InlineData("/a\0b")]
    public void Absolute_NoPath_StaysAsTyped(string typed) => Assert.Equal(typed, ModelArgument.Absolute(typed, Home));

    [Fact]
    public void Absolute_Paths_DoNotDependOnTheWorkingFolder()
    {
        Assert.Equal("/a/c.gguf", ModelArgument.Absolute("/a/b/../c.gguf", Home));
        Assert.Equal("/home/x/m.gguf", ModelArgument.Absolute("~/m.gguf", Home));
        Assert.Equal(Path.GetFullPath("m.gguf"), ModelArgument.Absolute("./m.gguf", Home));
        Assert.Equal(Path.GetFullPath("../m.gguf"), ModelArgument.Absolute("../m.gguf", Home));
        Assert.Equal("file:" + Path.GetFullPath("m.gguf"), ModelArgument.Absolute("file:m.gguf", Home));
    }
}
