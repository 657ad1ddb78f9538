using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Stoker.Tests.Core.Formats.Gguf;

public sealed class GgufWriterTests
{
    [Fact]
    public void Write_EveryValueType_ReadsBackTheSame()
    {
        var writer = new GgufWriter(64);
        writer.Set("general.architecture", "qwen2");
        writer.Set("a.u16", (ushort)65535);
        writer.Set("a.u32", uint.MaxValue);
        writer.Set("a.i32", int.MinValue);
        writer.Set("a.u64", ulong.MaxValue);
        writer.Set("a.f32", 1.5f);
        writer.Set("a.f64", Math.PI);
        writer.Set("a.yes", true);
        writer.Set("a.texts", ["x", "", "ß"]);
        writer.Set("a.ints", [-1, 2]);
        writer.Set("a.floats", [0.25f]);
        writer.Set("a.u32", 7u);
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [3, 2], static stream => stream.Write(new byte[24])));
        writer.Add(new GgufTensorSource("q", GgmlType.Q4_0, [32], static stream => stream.Write(new byte[18])));
        using var stream = new MemoryStream();
        writer.Write(stream);

        var file = GgufFile.Read(stream, "x.gguf");

        var values = file.Metadata.Values;
        Assert.Equal("qwen2", file.Metadata.Architecture);
        Assert.Equal(65535, values["a.u16"].Integer);
        Assert.Equal(7, values["a.u32"].Integer);
        Assert.Equal(int.MinValue, values["a.i32"].Integer);
        Assert.Null(values["a.u64"].Integer);
        Assert.Equal("18446744073709551615", values["a.u64"].ToString());
        Assert.Equal(1.5, values["a.f32"].Number);
        Assert.Equal(Math.PI, values["a.f64"].Number);
        Assert.True(values["a.yes"].Flag);
        Assert.Equal(["x", "", "ß"], GgufArrayReader.ReadTexts(stream, values["a.texts"].Array!));
        Assert.Equal([-1L, 2L], values["a.ints"].Array!.Integers!);
        Assert.Equal([0.25], GgufArrayReader.ReadNumbers(stream, values["a.floats"].Array!));
        Assert.Equal(64, file.AlignmentBytes);
        Assert.Equal(["t", "q"], file.Tensors.Select(static tensor => tensor.Name));
        Assert.All(file.Tensors, static tensor => Assert.Equal(0, tensor.PositionBytes % 64));
        Assert.Equal([3L, 2L], file.Tensors[0].Dimensions);
        Assert.Equal(6, file.Tensors[0].Elements);
        Assert.Equal(18, file.Tensors[1].SizeBytes);
    }

    [Fact]
    public void Write_ATensorThatGivesTooFewBytes_IsRefused()
    {
        var writer = new GgufWriter();
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [3], static stream => stream.Write(new byte[8])));
        var error = Assert.Throws<StokerException>(() => writer.Write(Stream.Null));
        Assert.Equal(ErrorKind.Internal, error.Kind);
    }

    [Fact]
    public void Write_ATensorThatGivesTooManyBytes_IsRefused()
    {
        var writer = new GgufWriter();
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [3], static stream => stream.Write(new byte[16])));
        Assert.Throws<StokerException>(() => writer.Write(Stream.Null));
    }

    [Theory]
    [InlineData("", new long[] { 32 })]
    [InlineData("a-name-that-is-longer-than-the-sixty-three-bytes-which-ggml-has-for-it", new long[] { 32 })]
    [InlineData("t", new long[] { })]
    [InlineData("t", new long[] { 32, 1, 1, 1, 1 })]
    [InlineData("t", new long[] { 0 })]
    [InlineData("t", new long[] { 31 })]
    public void Add_WhatNoReaderWouldAccept_IsRefused(string name, long[] dimensions)
    {
        var error = Assert.Throws<StokerException>(() =>
            new GgufWriter().Add(new GgufTensorSource(name, GgmlType.Q8_0, dimensions, static _ => { })));
        Assert.Equal(ErrorKind.InvalidInput, error.Kind);
    }

    [Fact]
    public void WriteSplit_ThreeParts_AreOneModelWithTheSameTensors()
    {
        using var folder = new TempFolder();
        var whole = RandomModel.Write(folder.File("whole.gguf"), new RandomModelOptions { Shape = "tiny" });
        var parts = RandomModel.Write(folder.File("parts.gguf"), new RandomModelOptions { Shape = "tiny", Parts = 3 });

        var one = GgufModel.Open(whole);
        var three = GgufModel.Open(parts);
        var found = GgufModel.Open([parts[0]]);

        Assert.Equal(folder.File("parts-00002-of-00003.gguf"), parts[1]);
        Assert.Equal(3, found.Parts.Count);
        Assert.Equal(one.ParameterCount, three.ParameterCount);
        Assert.Equal(one.Tensors.Select(static tensor => tensor.Name), three.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal("Q4_0", three.Quantization);
        var sizes = three.Parts.Select(static part => part.Tensors.Sum(static tensor => tensor.SizeBytes)).ToArray();
        Assert.True(sizes.Max() < 2 * sizes.Min(), string.Join(' ', sizes));
    }
}
