using System.Security.Cryptography;
using global::TinyModel;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace Stoker.Tests.TinyModel;

public sealed class HuggingFaceToGgufTests
{
    [Fact]
    public void Interleave_PutsTheHalvesOfEachHeadSideBySide()
    {
        // Two heads of four rows of one value.
        Assert.Equal([0, 2, 1, 3, 4, 6, 5, 7], HuggingFaceToGguf.Interleave([0, 1, 2, 3, 4, 5, 6, 7], heads: 2, rowLength: 1));
        Assert.Equal([0, 1, 4, 5, 2, 3, 6, 7], HuggingFaceToGguf.Interleave([0, 1, 2, 3, 4, 5, 6, 7], heads: 1, rowLength: 2));
    }

    [Fact]
    public void Prepare_AnotherType_IsRefused()
    {
        var error = Assert.Throws<StokerException>(() => HuggingFaceToGguf.Prepare(new HuggingFaceFolder(TinyFiles.Folder), GgmlType.Q4_K, "x"));
        Assert.Equal(ErrorKind.InvalidInput, error.Kind);
    }

    [Fact]
    public void ShippedFile_IsWhatTheConverterMakesOfTheWeights()
    {
        using var folder = new TempFolder();
        var path = folder.File("made.gguf");
        HuggingFaceToGguf.Prepare(new HuggingFaceFolder(TinyFiles.Folder), GgmlType.Q8_0, "Stoker tiny").WriteFile(path);
        Assert.Equal(SHA256.HashData(File.ReadAllBytes(path)), SHA256.HashData(File.ReadAllBytes(TinyFiles.Shipped)));
    }

    [Fact]
    public void Digests_AreThoseOfTheFiles()
    {
        var lines = File.ReadAllLines(Path.Combine(TinyFiles.Folder, "SHA256SUMS"));
        Assert.NotEmpty(lines);
        Assert.All(lines, static line => Assert.Equal(line[..64], Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(TinyFiles.Folder, line[66..]))))));
    }

    [Fact]
    public void Weights_FitIntoTheRepository()
    {
        Assert.InRange(new FileInfo(Path.Combine(TinyFiles.Folder, "model.safetensors")).Length, 1, 4_000_000);
        Assert.InRange(new FileInfo(TinyFiles.Shipped).Length, 1, 4_000_000);
    }
}
