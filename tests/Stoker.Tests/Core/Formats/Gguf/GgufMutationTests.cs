using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Tests.Tidy;

namespace Stoker.Tests.Core.Formats.Gguf;

/// <summary>Damaged files are refused with a StokerException or accepted; nothing else, in little time and memory.</summary>
public sealed class GgufMutationTests(ITestOutputHelper output)
{
    private const int Seed = 20_261_121;

    [Fact]
    public void Read_SmallFilesWith100000Damages_AreRefusedOrSound()
    {
        var originals = new[] { SmallModel(GgmlType.F32), SmallModel(GgmlType.Q4_0), VocabularyModel() };
        var random = new Random(Seed);
        var accepted = 0;
        var slowest = TimeSpan.Zero;
        output.WriteLine($"seed {Seed}");
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = Mutation.Of(originals[i % originals.Length], random);
            var watch = Stopwatch.StartNew();
            if (ReadBounded(bytes, i)) accepted++;
            if (watch.Elapsed > slowest) slowest = watch.Elapsed;
        }
        output.WriteLine($"{accepted} accepted, slowest {slowest.TotalMilliseconds} ms");
        Assert.InRange(accepted, 100, 99_000);
        Assert.True(slowest < TimeSpan.FromSeconds(5), $"slowest {slowest}");
    }

    [Fact]
    public void Read_RealVocabularyWithDamages_IsRefusedOrSound()
    {
        var original = File.ReadAllBytes(Path.Combine(Repository.Root, "tests/data/vocab/llama-spm.gguf"));
        var random = new Random(Seed);
        for (var i = 0; i < 500; i++) ReadBounded(Mutation.Of(original, random), i);
    }

    [Fact]
    public void Read_TruncatedAtEveryByte_IsRefused()
    {
        var bytes = SmallModel(GgmlType.Q4_0);
        // The last tensor's padding may be missing; its data may not.
        var end = (int)GgufFile.Read(new MemoryStream(bytes), "x").Tensors.Max(static tensor => tensor.PositionBytes + tensor.SizeBytes);
        for (var length = 0; length < end; length++)
        {
            var error = Assert.Throws<StokerException>(() => GgufFile.Read(new MemoryStream(bytes, 0, length), "x"));
            Assert.Equal(ErrorKind.Corrupt, error.Kind);
        }
        GgufFile.Read(new MemoryStream(bytes, 0, end), "x");
    }

    [Fact]
    public void Read_AFileThatShrinksWhileItIsRead_IsRefused()
    {
        var bytes = VocabularyModel();
        // The last bytes are skipped without being read.
        for (var length = 0; length < bytes.Length - 64; length += 7)
        {
            using var stream = new ShrunkStream(bytes, length);
            Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => GgufFile.Read(stream, "x")).Kind);
        }
    }

    private static bool ReadBounded(byte[] bytes, int number)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var accepted = false;
        try
        {
            var file = GgufFile.Read(new MemoryStream(bytes), "x.gguf");
            CheckSound(file, bytes.Length);
            accepted = true;
        }
        catch (StokerException exception)
        {
            Assert.True(exception.Kind is ErrorKind.Corrupt or ErrorKind.Unsupported, $"input {number}: {exception}");
        }
        catch (Exception exception)
        {
            Assert.Fail($"input {number} (seed {Seed}): {exception}");
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < (128 << 10) + (32L * bytes.Length), $"input {number} of {bytes.Length} bytes allocated {allocated}");
        return accepted;
    }

    private static void CheckSound(GgufFile file, long lengthBytes)
    {
        var end = file.DataPositionBytes;
        foreach (var tensor in file.Tensors.OrderBy(static tensor => tensor.PositionBytes))
        {
            if (tensor.PositionBytes < end || tensor.SizeBytes <= 0) throw new InvalidOperationException($"{tensor} begins before {end}");
            if (tensor.PositionBytes % file.AlignmentBytes != 0) throw new InvalidOperationException($"{tensor} is not aligned");
            end = tensor.PositionBytes + tensor.SizeBytes;
        }
        if (end > lengthBytes && file.HasWeights) throw new InvalidOperationException($"tensors end at {end} of {lengthBytes}");
    }

    private static byte[] SmallModel(GgmlType type)
    {
        var writer = new GgufWriter(64);
        writer.Set(GgufKeys.Architecture, "qwen2");
        writer.Set(GgufKeys.FileType, 2u);
        writer.Set("qwen2.block_count", 2u);
        writer.Set("qwen2.attention.head_count_kv", [2, 0]);
        writer.Set("qwen2.rope.freq_base", 1e6f);
        writer.Set("x.long", 1UL << 40);
        writer.Set(GgufKeys.ChatTemplate, ByteVocabularyTemplate);
        for (var i = 0; i < 5; i++)
        {
            writer.Add(new GgufTensorSource($"blk.{i}.w", type, [32, i + 1], stream => stream.Write(new byte[stream.Length])));
        }
        using var stream = new MemoryStream();
        writer.Write(stream);
        return stream.ToArray();
    }

    private static byte[] VocabularyModel()
    {
        var writer = new GgufWriter();
        writer.Set(GgufKeys.Architecture, "qwen2");
        writer.Set(GgufKeys.TokenizerModel, "gpt2");
        writer.Set(GgufKeys.Tokens, [.. Enumerable.Range(0, 60).Select(static i => $"t{i}")]);
        writer.Set(GgufKeys.TokenTypes, Enumerable.Repeat(1, 60).ToArray());
        writer.Set(GgufKeys.Scores, Enumerable.Repeat(0.5f, 60).ToArray());
        writer.Set(GgufKeys.Merges, ["t 1", "t 2"]);
        using var stream = new MemoryStream();
        writer.Write(stream);
        return stream.ToArray();
    }

    private const string ByteVocabularyTemplate = "{% for message in messages %}{{ message['content'] }}{% endfor %}";

    /// <summary>Announces its first length and gives fewer bytes, as a file does that another process truncates.</summary>
    private sealed class ShrunkStream(byte[] bytes, int given) : MemoryStream(bytes[..given])
    {
        private readonly long _length = bytes.Length;

        public override long Length => _length;
    }
}
