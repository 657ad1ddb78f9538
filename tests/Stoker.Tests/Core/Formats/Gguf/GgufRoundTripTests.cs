using FsCheck;
using FsCheck.Fluent;
using Stoker.Core.Formats.Gguf;

namespace Stoker.Tests.Core.Formats.Gguf;

/// <summary>Whatever the writer takes, the reader gives back.</summary>
public sealed class GgufRoundTripTests
{
    private static readonly GgmlType[] Types = Enum.GetValues<GgmlType>();

    [Fact]
    public void Write_AnyModel_ReadsBackTheSame()
    {
        var models = from seed in Gen.Choose(0, int.MaxValue) select seed;
        Prop.ForAll(models.ToArbitrary(), CheckOne).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(20261121, 13).WithQuietOnSuccess(true));
    }

    private static void CheckOne(int seed)
    {
        var random = new Random(seed);
        var alignment = 1 << random.Next(0, 9);
        var writer = new GgufWriter(alignment);
        var texts = new Dictionary<string, string>();
        for (var i = random.Next(6); i > 0; i--)
        {
            var key = $"k{i}.{Text(random)}".Replace('\0', '0');
            writer.Set(key, texts[key] = Text(random));
        }
        var integers = Enumerable.Range(0, random.Next(3000)).Select(_ => random.Next(int.MinValue, int.MaxValue)).ToArray();
        writer.Set("integers", integers);
        var data = new Dictionary<string, byte[]>();
        for (var i = random.Next(8); i > 0; i--)
        {
            var type = Types[random.Next(Types.Length)];
            long[] dimensions = [GgmlTypes.BlockElements(type) * random.Next(1, 4), .. Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(1, 4))];
            var bytes = new byte[GgmlTypes.SizeBytes(type, dimensions.Aggregate(1L, static (product, extent) => product * extent))];
            random.NextBytes(bytes);
            data[$"t{i}"] = bytes;
            writer.Add(new GgufTensorSource($"t{i}", type, dimensions, stream => stream.Write(bytes)));
        }
        using var stream = new MemoryStream();
        writer.Write(stream);

        var file = GgufFile.Read(stream, "x.gguf");

        Assert.Equal(alignment, file.AlignmentBytes);
        foreach (var (key, text) in texts) Assert.Equal(text, file.Metadata.Text(key));
        Assert.Equal(integers.Select(static value => (double)value), GgufArrayReader.ReadNumbers(stream, file.Metadata.Values["integers"].Array!));
        Assert.Equal(data.Count, file.Tensors.Count);
        foreach (var tensor in file.Tensors)
        {
            var bytes = stream.ToArray().AsSpan((int)tensor.PositionBytes, (int)tensor.SizeBytes);
            Assert.True(bytes.SequenceEqual(data[tensor.Name]), $"seed {seed}: {tensor}");
        }
    }

    private static string Text(Random random)
    {
        var letters = new[] { "a", "ß", "😀", "é", " ", "\"", "漢" };
        return string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => letters[random.Next(letters.Length)]));
    }
}
