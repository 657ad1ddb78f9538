using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Safetensors;
using Stoker.Core.Models;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class RepositoryChoiceTests
{
    [Fact]
    public void Choose_WithAnIndex_TakesItsShardsAndLeavesCopiesInOtherFormats()
    {
        var files = Tree(
            "README.md", "LICENSE", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "merges.txt", "model.safetensors.index.json",
            "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "consolidated.safetensors", "pytorch_model.bin", "model.Q4_0.gguf", "onnx/model.onnx", "original/params.json", "flax_model.msgpack");
        var chosen = RepositoryChoice.Choose("org/repo", files, null, Index("model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"));
        Assert.Equal(
            [
                "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "LICENSE", "README.md", "config.json", "generation_config.json", "merges.txt", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
            ],
            chosen.Select(static file => file.Path));
    }

    [Fact]
    public void Choose_IndexInAFolder_SpeaksForThatFolderAlone()
    {
        var files = Tree("unet/d.safetensors.index.json", "unet/d-1.safetensors", "unet/old.safetensors", "vae/v.safetensors");
        var chosen = RepositoryChoice.Choose("org/repo", files, null, Index("unet/d.safetensors.index.json", "d-1.safetensors"));
        Assert.Equal(["unet/d-1.safetensors", "vae/v.safetensors", "unet/d.safetensors.index.json"], chosen.Select(static file => file.Path));
    }

    [Fact]
    public void Choose_AShardThatTheIndexNamesIsMissing_SaysWhich()
    {
        var files = Tree("model.safetensors.index.json", "model-00001-of-00002.safetensors");
        var refused = Assert.Throws<StokerException>(() =>
            RepositoryChoice.Choose("org/repo", files, null, Index("model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains("1 of the 2 shards", refused.Message, StringComparison.Ordinal);
        Assert.Contains("model-00002-of-00002.safetensors", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_WithPatterns_TakesWhatTheySayAndNothingElse()
    {
        var files = Tree("a.gguf", "b.gguf", "pytorch_model.bin", "config.json");
        var chosen = RepositoryChoice.Choose("org/repo", files, FileSelection.Of(["*.gguf", "*.bin"], ["b*"]), Index("x.safetensors.index.json"));
        Assert.Equal(["a.gguf", "pytorch_model.bin"], chosen.Select(static file => file.Path));
        var refused = Assert.Throws<StokerException>(() => RepositoryChoice.Choose("org/repo", files, FileSelection.Of(["*.onnx"], null), Index("x.safetensors.index.json")));
        Assert.Contains("It has: a.gguf, b.gguf", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors", FileRole.Weights)]
    [InlineData("pytorch_model.bin", FileRole.Weights)]
    [InlineData("config.json", FileRole.Config)]
    [InlineData("generation_config.json", FileRole.Config)]
    [InlineData("tokenizer_config.json", FileRole.Tokenizer)]
    [InlineData("sub/tokenizer.model", FileRole.Tokenizer)]
    [InlineData("chat_template.jinja", FileRole.Template)]
    [InlineData("LICENSE.txt", FileRole.License)]
    [InlineData("README.md", FileRole.Other)]
    public void RoleOf_AName_TellsWhatTheFileIs(string path, FileRole role) => Assert.Equal(role, RepositoryChoice.RoleOf(path));

    private static List<RepositoryFile> Tree(params string[] paths) => [.. paths.Select(static path => new RepositoryFile(path, 1, null, null))];

    private static Dictionary<string, SafetensorsIndex> Index(string path, params string[] shards)
    {
        if (shards.Length == 0) return [];
        var map = string.Join(',', shards.Select(static (shard, i) => $"\"t{i}\":\"{shard}\""));
        return new() { [path] = SafetensorsIndex.Parse(Encoding.UTF8.GetBytes($"{{\"weight_map\":{{{map}}}}}")) };
    }
}
