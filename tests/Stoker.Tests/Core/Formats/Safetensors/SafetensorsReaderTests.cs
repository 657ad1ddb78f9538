using System.Diagnostics;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Safetensors;

namespace Stoker.Tests.Core.Formats.Safetensors;

public sealed class SafetensorsReaderTests(ITestOutputHelper output)
{
    private const int Seed = 20_261_121;

    /// <summary>The header's JSON, bytes of data behind it, and what the message must say.</summary>
    public static TheoryData<string, int, string> Refused => new()
    {
        { "[]", 0, "begin with '{'" },
        { " {}", 0, "begin with '{'" },
        { "{", 0, "is empty" },
        { "{ ", 0, "not valid JSON" },
        { "{}x", 0, "not valid JSON" },
        { "{}{}", 0, "not valid JSON" },
        { """{"t":1}""", 0, "not described by an object" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'t' appears twice" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0074":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'t' appears twice" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}}""", 4, "repeated or unknown field 'dtype'" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}""", 4, "repeated or unknown field 'x'" },
        { """{"t":{"dtype":"F32","shape":[1]}}""", 4, "lacks" },
        { """{"t":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown type 'F33'" },
        { """{"t":{"dtype":"11","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown type '11'" },
        { """{"t":{"dtype":"U8,I8","shape":[1],"data_offsets":[0,1]}}""", 1, "unknown type 'U8,I8'" },
        { """{"t":{"dtype":5,"shape":[1],"data_offsets":[0,4]}}""", 4, "unknown type" },
        { """{"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "no integer" },
        { """{"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}}""", 6, "no integer" },
        { """{"t":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}""", 4, "no integer" },
        { """{"t":{"dtype":"F32","shape":{},"data_offsets":[0,4]}}""", 4, "not an array" },
        { """{"t":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}""", 4, "no integer" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "1 offsets" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "more than 2" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "before it begins" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "its shape takes 8" },
        { """{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"t":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "whole byte" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "4 bytes before" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"u":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "overlaps" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"u":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "overlaps" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "the file has 3" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "1 bytes after" },
        { "{}", 1, "1 bytes after" },
        { """{"__metadata__":[]}""", 0, "not an object" },
        { """{"__metadata__":{"a":1}}""", 0, "not a text" },
        { """{"__metadata__":{"a":"1","a":"2"}}""", 0, "appears twice" },
        { """{"__metadata__":{"a":"1"},"__metadata__":{}}""", 0, "appears twice" },
        { """{"t":{"dtype":"F32","shape":[[[[[[1]]]]]],"data_offsets":[0,4]}}""", 4, "no integer" },
        { """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "valid" },
        { "{\"a\u00ff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "valid UTF-8" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", 4, "not valid JSON" },
        { "{\"a\":/* */{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "not valid JSON" },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void Read_Malformed_IsRefusedWithAReason(string header, int dataBytes, string says)
    {
        var bytes = new RawBytes().U64((ulong)header.Length).Ascii(header).Zeros(dataBytes).ToArray();
        var error = Assert.Throws<StokerException>(() => SafetensorsFile.Read(new MemoryStream(bytes), "/some/model.safetensors"));
        Assert.Equal(ErrorKind.Corrupt, error.Kind);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("model.safetensors: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0UL, 20)]
    [InlineData(1UL, 20)]
    [InlineData(1000UL, 20)]
    [InlineData(ulong.MaxValue, 20)]
    [InlineData(1UL << 63, 20)]
    [InlineData(100_000_001UL, 100_000_100)]
    public void Read_LyingHeaderLength_IsRefusedWithoutAllocatingIt(ulong headerBytes, int fileBytes)
    {
        var stream = new SparseStream(BitConverter.GetBytes(headerBytes), fileBytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<StokerException>(() => SafetensorsFile.Read(stream, "x"));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 256 << 10);
    }

    [Fact]
    public void Read_MoreThan100000Tensors_IsRefused()
    {
        var header = new StringBuilder("{");
        for (var i = 0; i <= 100_000; i++) header.Append(i == 0 ? "" : ",").Append($"\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        header.Append('}');
        var bytes = new RawBytes().U64((ulong)header.Length).Ascii(header.ToString()).ToArray();
        Assert.Contains("more than 100000", Assert.Throws<StokerException>(() => SafetensorsFile.Read(new MemoryStream(bytes), "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameIndex()
    {
        var bytes = Sample();
        var file = SafetensorsFile.Read(new MemoryStream(bytes), "x");
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(["weight", "scalar", "empty", "ß \"quoted\"", "half"], file.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal(0, file.DataPositionBytes % 8);
        Assert.Equal([2L, 3L], file.Tensors[0].Shape);
        Assert.Equal(24, file.Tensors[0].SizeBytes);
        Assert.Equal(1, file.Tensors[1].Elements);
        Assert.Equal(0, file.Tensors[2].SizeBytes);
        Assert.Equal(bytes.Length, file.Tensors[^1].PositionBytes + file.Tensors[^1].SizeBytes);
    }

    [Fact]
    public void Read_With100000Damages_IsRefusedOrSound()
    {
        var original = Sample();
        var random = new Random(Seed);
        var accepted = 0;
        var slowest = TimeSpan.Zero;
        output.WriteLine($"seed {Seed}");
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = Mutation.Of(original, random);
            var watch = Stopwatch.StartNew();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var file = SafetensorsFile.Read(new MemoryStream(bytes), "x");
                Assert.Equal(bytes.Length - file.DataPositionBytes, file.Tensors.Sum(static tensor => tensor.SizeBytes));
                accepted++;
            }
            catch (StokerException exception)
            {
                Assert.Equal(ErrorKind.Corrupt, exception.Kind);
            }
            catch (Exception exception)
            {
                Assert.Fail($"input {i} (seed {Seed}): {exception}");
            }
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < (128 << 10) + (32L * bytes.Length), $"input {i} of {bytes.Length} bytes allocated {allocated}");
            if (watch.Elapsed > slowest) slowest = watch.Elapsed;
        }
        output.WriteLine($"{accepted} accepted, slowest {slowest.TotalMilliseconds} ms");
        Assert.True(slowest < TimeSpan.FromSeconds(5), $"slowest {slowest}");
    }

    [Fact]
    public void Read_TruncatedAtEveryByte_IsRefused()
    {
        var bytes = Sample();
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<StokerException>(() => SafetensorsFile.Read(new MemoryStream(bytes, 0, length), "x"));
        }
    }

    private static byte[] Sample()
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(
            stream,
            [
                Tensor("weight", SafetensorsType.F32, 2, 3),
                Tensor("scalar", SafetensorsType.I64),
                Tensor("empty", SafetensorsType.BF16, 0, 5),
                Tensor("ß \"quoted\"", SafetensorsType.U8, 3),
                Tensor("half", SafetensorsType.F4, 2, 2),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        return stream.ToArray();

        static SafetensorsSource Tensor(string name, SafetensorsType type, params long[] shape) =>
            new(name, type, shape, data => data.Write(new byte[data.Length]));
    }

    /// <summary>A long file of which only the beginning exists.</summary>
    private sealed class SparseStream(byte[] beginning, long length) : MemoryStream(beginning)
    {
        public override long Length => length;
    }
}
