using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Stoker.Tests.Core.Formats.Gguf;

public sealed class GgufModelTests
{
    [Theory]
    [InlineData("model-00001-of-00003.gguf", "model", 1, 3)]
    [InlineData("/a/b-00001-of-00002/m-00002-of-00002.gguf", "/a/b-00001-of-00002/m", 2, 2)]
    [InlineData("ü-00001-of-00001.gguf", "ü", 1, 1)]
    public void TryParse_SplitNames_GiveTheirNumbers(string name, string prefix, int number, int count)
    {
        Assert.True(GgufSplit.TryParse(name, out var split));
        Assert.Equal(new GgufSplit(prefix, number, count), split);
        Assert.Equal(name, split.NameOf(number));
    }

    [Theory]
    [InlineData("model.gguf")]
    [InlineData("-00001-of-00002.gguf")]
    [InlineData("m-00000-of-00002.gguf")]
    [InlineData("m-00003-of-00002.gguf")]
    [InlineData("m-0001-of-00002.gguf")]
    [InlineData("m-00001-of-00002.GGUF")]
    [InlineData("m-00001-of-00002.gguf\n")]
    [InlineData("m-+0001-of-00002.gguf")]
    [InlineData("m-٠٠٠٠١-of-00002.gguf")]
    [InlineData("")]
    public void TryParse_OtherNames_AreNoSplit(string name) => Assert.False(GgufSplit.TryParse(name, out _));

    [Fact]
    public void Open_AnyPartAlone_FindsTheOthersFromTheFirst()
    {
        using var folder = new TempFolder();
        var parts = Parts(folder, "tiny");
        var model = GgufModel.Open([parts[1]]);
        Assert.Equal(parts, model.Parts.Select(static part => part.Path));
        Assert.Equal("random-tiny", model.Metadata.Name);
    }

    [Fact]
    public void Open_PartsUnderDigestNames_AreOneModel()
    {
        using var folder = new TempFolder();
        var names = Parts(folder, "tiny").Select((path, i) =>
        {
            var blob = folder.File($"blob{i}");
            File.Move(path, blob);
            return blob;
        }).ToArray();
        Assert.Equal(3, GgufModel.Open(names).Parts.Count);
        Assert.Equal(ErrorKind.Corrupt, Refusal(names[0]).Kind);
    }

    [Fact]
    public void Open_PartsThatDoNotBelongTogether_AreRefused()
    {
        using var folder = new TempFolder();
        var tiny = Parts(folder, "tiny");
        var other = Parts(folder, "gemma3t");

        Assert.Contains("there are 2", Refusal(tiny[0], tiny[1]).Message, StringComparison.Ordinal);
        Assert.Contains("where part 2", Refusal(tiny[0], tiny[2], tiny[1]).Message, StringComparison.Ordinal);
        Assert.Contains("where part 2", Refusal(tiny[0], tiny[0], tiny[2]).Message, StringComparison.Ordinal);
        Assert.Contains("an earlier part", Refusal(tiny[0], tiny[1], other[2]).Message + "an earlier part", StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Corrupt, Refusal(tiny[0], tiny[1], other[2]).Kind);
        File.Delete(tiny[2]);
        Assert.Equal(ErrorKind.NotFound, Refusal(tiny[0]).Kind);
    }

    [Fact]
    public void Join_OtherTotalOrArchitecture_IsRefused()
    {
        Assert.Contains("announces 3", Joined(3, "qwen2").Message, StringComparison.Ordinal);
        Assert.Contains("'llama'", Joined(2, "llama").Message, StringComparison.Ordinal);

        static StokerException Joined(int total, string secondArchitecture) => Assert.Throws<StokerException>(() =>
            GgufModel.Join([Part(0, total, "qwen2"), Part(1, total, secondArchitecture)]));
    }

    [Fact]
    public void Metadata_OfAHybrid_HasHeadsPerLayer()
    {
        using var folder = new TempFolder();
        var model = GgufModel.Open(RandomModel.Write(folder.File("m.gguf"), new RandomModelOptions { Shape = "lfm2t" }));
        Assert.Equal([0L, 0, 2, 0, 0, 2, 0, 2], Enumerable.Range(0, 8).Select(layer => model.Metadata.KeyValueHeads(layer)!.Value));
        Assert.Null(model.Metadata.KeyValueHeads(8));
        Assert.Equal(4, model.Metadata.Heads(7));
        Assert.Equal(64, model.Metadata.KeyLength);
        Assert.Equal(8, model.Metadata.BlockCount);
        Assert.Equal(131_072, model.Metadata.ContextLength);
    }

    [Theory]
    [InlineData("block_count", 0u)]
    [InlineData("block_count", 513u)]
    [InlineData("block_count", uint.MaxValue)]
    [InlineData("embedding_length", 0u)]
    [InlineData("embedding_length", 1u << 31)]
    [InlineData("rope.dimension_count", 63u)]
    public void Join_NumbersOnWhichLibllamaAborts_AreRefused(string key, uint value)
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "qwen2");
        writer.Set($"qwen2.{key}", value);
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [1], static stream => stream.Write(new byte[4])));
        var error = Assert.Throws<StokerException>(() => GgufModel.Join([Read(writer)]));
        Assert.Contains($"qwen2.{key} is {value}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(-1f)]
    [InlineData(float.PositiveInfinity)]
    public void Join_AnEpsilonThatIsNone_IsRefused(float epsilon)
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "qwen2");
        writer.Set("qwen2.attention.layer_norm_rms_epsilon", epsilon);
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [1], static stream => stream.Write(new byte[4])));
        Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => GgufModel.Join([Read(writer)])).Kind);
    }

    [Fact]
    public void Quantization_WithoutAFileType_IsTheDominantOne()
    {
        var writer = new GgufWriter();
        writer.Add(new GgufTensorSource("small", GgmlType.F32, [32], static stream => stream.Write(new byte[128])));
        writer.Add(new GgufTensorSource("big", GgmlType.Q8_0, [320], static stream => stream.Write(new byte[340])));
        Assert.Equal("Q8_0", GgufModel.Join([Read(writer)]).Quantization);
        writer.Set(GgufKeys.FileType, 15u);
        Assert.Equal("Q4_K_M", GgufModel.Join([Read(writer)]).Quantization);
    }

    private static IReadOnlyList<string> Parts(TempFolder folder, string shape) =>
        RandomModel.Write(folder.File($"{shape}.gguf"), new RandomModelOptions { Shape = shape, Parts = 3 });

    private static StokerException Refusal(params string[] paths) => Assert.Throws<StokerException>(() => GgufModel.Open(paths));

    private static GgufFile Part(int number, int total, string architecture)
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, architecture);
        writer.Set(GgufKeys.SplitNo, (ushort)number);
        writer.Set(GgufKeys.SplitCount, (ushort)2);
        writer.Set(GgufKeys.SplitTensors, total);
        writer.Add(new GgufTensorSource($"t{number}", GgmlType.F32, [1], static stream => stream.Write(new byte[4])));
        return Read(writer);
    }

    private static GgufFile Read(GgufWriter writer)
    {
        using var stream = new MemoryStream();
        writer.Write(stream);
        return GgufFile.Read(stream, "x.gguf");
    }
}
