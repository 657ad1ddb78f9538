using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Formats.Gguf;
using Stoker.Scenarios.Harness;
using TinyModel;

namespace Stoker.Scenarios.Formats;

/// <summary>npm's @huggingface/gguf, written by others, reads the same of a file as our reader does.</summary>
public sealed class HuggingFaceGgufTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-gguf-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("tiny", GgmlType.Q4_0, 1)]
    [InlineData("tiny", GgmlType.Q8_0, 2)]
    [InlineData("gemma3t", GgmlType.F16, 1)]
    [InlineData("lfm2t", GgmlType.F32, 1)]
    [InlineData("granitet", GgmlType.Q4_0, 3)]
    public async Task Metadata_OfFilesWeWrite_IsTheSame(string shape, GgmlType type, int parts)
    {
        var options = new RandomModelOptions { Shape = shape, Type = type, Parts = parts, AlignmentBytes = 64, Name = "größe 😀 \"x\"\n" };
        foreach (var path in RandomModel.Write(Path.Combine(_folder, "m.gguf"), options)) await CompareAsync(path);
    }

    [Fact]
    public async Task Metadata_OfEveryValueType_IsTheSame()
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "llama");
        writer.Set("x.u16", (ushort)65_535);
        writer.Set("x.u32", uint.MaxValue);
        writer.Set("x.i32", int.MinValue);
        writer.Set("x.u64", ulong.MaxValue);
        writer.Set("x.f32", -1.17e-38f);
        writer.Set("x.f64", Math.PI);
        writer.Set("x.yes", true);
        writer.Set("x.empty", "");
        writer.Set("x.texts", ["", "\u00e9", "😀", "a\tb"]);
        writer.Set("x.floats", [0.1f, -0f, float.MaxValue]);
        writer.Set("x.uints", [0u, uint.MaxValue]);
        writer.Set("x.ints", Enumerable.Range(-1500, 3000).ToArray());
        writer.Add(new GgufTensorSource("t", GgmlType.F32, [1], static stream => stream.Write(new byte[4])));
        var path = Path.Combine(_folder, "types.gguf");
        writer.WriteFile(path);
        await CompareAsync(path);
    }

    [Theory]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    [InlineData("phi-3")]
    public async Task Metadata_OfRealVocabularies_IsTheSame(string name) =>
        await CompareAsync(Path.Combine(BuiltProgram.Repository, "tests/data/vocab", name + ".gguf"));

    private static async Task CompareAsync(string path)
    {
        var theirs = await NodePackages.RunAsync("gguf-facts.mjs", [path]);
        Assert.Equal(Facts(path), theirs.TrimEnd('\n').Split('\n'));
    }

    private static List<string> Facts(string path)
    {
        var file = GgufFile.Open(path);
        using var stream = File.OpenRead(path);
        var facts = new List<string> { $"version\t{file.Version}", $"tensor_count\t{file.Tensors.Count}", $"kv_count\t{file.Metadata.Values.Count}" };
        foreach (var (key, value) in file.Metadata.Values)
        {
            facts.Add(value.Array is { } array
                ? $"{key}\t[{(int)array.ElementType}]\t{array.Count}\t{Sum(stream, array)}"
                : $"{key}\t{(int)value.Type}\t{Convert.ToBase64String(Encoding.UTF8.GetBytes(Scalar(value)))}");
        }
        facts.AddRange(file.Tensors.Select(static tensor =>
            $"tensor\t{tensor.Name}\t{(int)tensor.Type}\t{string.Join('x', tensor.Dimensions)}\t{tensor.PositionBytes}"));
        return facts;
    }

    private static string Scalar(GgufValue value) => value.Number is { } number ? Hex(number) : value.ToString();

    private static string Sum(Stream stream, GgufArray array)
    {
        var elements = array.ElementType switch
        {
            // Their TextDecoder drops a byte order mark, which is a token of SentencePiece vocabularies.
            GgufValueType.String => GgufArrayReader.ReadTexts(stream, array).Select(static text => text.TrimStart('\ufeff')),
            GgufValueType.Float32 or GgufValueType.Float64 => GgufArrayReader.ReadNumbers(stream, array).Select(Hex),
            _ => GgufArrayReader.ReadNumbers(stream, array).Select(static number => ((long)number).ToString(CultureInfo.InvariantCulture)),
        };
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var element in elements) sum.AppendData(Encoding.UTF8.GetBytes(element + "\n"));
        return Convert.ToHexStringLower(sum.GetHashAndReset());
    }

    private static string Hex(double number) => BitConverter.DoubleToInt64Bits(number).ToString("x16", CultureInfo.InvariantCulture);
}
