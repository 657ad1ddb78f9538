using System.Security.Cryptography;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Stoker.Tests.Tools;

public sealed class RandomModelTests
{
    [Theory]
    [InlineData("tiny", GgmlType.Q4_0)]
    [InlineData("tiny", GgmlType.Q8_0)]
    [InlineData("tiny", GgmlType.F16)]
    [InlineData("tiny", GgmlType.F32)]
    [InlineData("gemma3t", GgmlType.Q4_0)]
    [InlineData("lfm2t", GgmlType.Q4_0)]
    [InlineData("lfm2moet", GgmlType.Q4_0)]
    [InlineData("granitet", GgmlType.Q4_0)]
    public void Write_SmallShapes_AreReadBack(string shape, GgmlType type)
    {
        using var folder = new TempFolder();
        var model = GgufModel.Open(RandomModel.Write(folder.File("m.gguf"), new RandomModelOptions { Shape = shape, Type = type }));
        Assert.True(model.HasWeights);
        Assert.Equal(type.ToString(), model.Quantization);
        Assert.Equal(4096, model.Metadata.VocabularySize);
        Assert.Equal(ModelShape.Named(shape).Architecture, model.Metadata.Architecture);
        Assert.InRange(model.ParameterCount, 1_000_000, 20_000_000);
    }

    [Theory]
    [InlineData("0.5b", 494_032_768)]
    [InlineData("1.5b", 1_543_714_304)]
    [InlineData("3b", 3_085_938_688)]
    [InlineData("7b", 7_615_616_512)]
    [InlineData("14b", 14_770_033_664)]
    [InlineData("32b", 32_763_876_352)]
    public void Prepare_QwenShapes_HaveTheParametersOfTheOriginals(string shape, long parameters)
    {
        var writer = RandomModel.Prepare(new RandomModelOptions { Shape = shape });
        Assert.Equal(parameters, writer.Tensors.Sum(static tensor => tensor.Dimensions.Aggregate(1L, static (product, extent) => product * extent)));
    }

    [Fact]
    public void Write_TheSameSeed_GivesTheSameBytesAndAnotherSeedOthers()
    {
        Assert.Equal(Sum(5), Sum(5));
        Assert.NotEqual(Sum(5), Sum(6));

        static string Sum(int seed)
        {
            using var stream = new MemoryStream();
            RandomModel.Prepare(new RandomModelOptions { Shape = "tiny", Seed = seed }).Write(stream);
            return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
        }
    }

    [Fact]
    public void Write_TheVocabulary_HasUniqueWords()
    {
        using var stream = new MemoryStream();
        RandomModel.Prepare(new RandomModelOptions { Shape = "tiny" }).Write(stream);
        var file = GgufFile.Read(stream, "x");
        var tokens = GgufArrayReader.ReadTexts(stream, file.Metadata.Values[GgufKeys.Tokens].Array!).ToArray();
        Assert.Equal("<|im_end|>", tokens[file.Metadata.Integer(GgufKeys.EosTokenId)!.Value]);
        Assert.Equal("!", tokens[0]);
        Assert.Equal(tokens.Length, tokens.Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [InlineData("8b", GgmlType.Q4_0, 1)]
    [InlineData("tiny", GgmlType.Q4_K, 1)]
    [InlineData("tiny", GgmlType.Q4_0, 0)]
    [InlineData("tiny", GgmlType.Q4_0, 1000)]
    public void Write_WhatCannotBe_IsRefused(string shape, GgmlType type, int parts)
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<StokerException>(() =>
            RandomModel.Write(folder.File("m.gguf"), new RandomModelOptions { Shape = shape, Type = type, Parts = parts }));
        Assert.Equal(ErrorKind.InvalidInput, error.Kind);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }
}
