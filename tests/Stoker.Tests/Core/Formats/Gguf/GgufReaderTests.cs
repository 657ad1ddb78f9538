using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Tests.Tidy;

namespace Stoker.Tests.Core.Formats.Gguf;

public sealed class GgufReaderTests
{
    private const uint F32 = 0;
    private const uint Q4 = 2;

    /// <summary>What is wrong, the bytes, the kind, and what the message must say.</summary>
    public static TheoryData<string, byte[], ErrorKind, string> Refused => new()
    {
        { "empty", [], ErrorKind.Corrupt, "the magic" },
        { "other magic", RawBytes.Gguf().ToArray()[1..], ErrorKind.Corrupt, "'GGUF'" },
        { "ggml magic", new RawBytes().Ascii("lmgg").U32(3).U64(0).U64(0).ToArray(), ErrorKind.Corrupt, "'GGUF'" },
        { "version 0", RawBytes.Gguf(0).ToArray(), ErrorKind.Corrupt, "version 0" },
        { "version 1", RawBytes.Gguf(1).ToArray(), ErrorKind.Unsupported, "version 1" },
        { "version 4", RawBytes.Gguf(4).ToArray(), ErrorKind.Unsupported, "version 4" },
        { "big-endian version", RawBytes.Gguf(0x03000000).ToArray(), ErrorKind.Unsupported, "big-endian" },
        { "big-endian magic", new RawBytes().Ascii("FUGG").U32(3).U64(0).U64(0).ToArray(), ErrorKind.Unsupported, "big-endian" },
        { "2^64-1 tensors", RawBytes.Gguf(tensors: ulong.MaxValue).ToArray(), ErrorKind.Corrupt, "number of tensors" },
        { "-1 keys", RawBytes.Gguf(keys: ulong.MaxValue).ToArray(), ErrorKind.Corrupt, "number of metadata keys" },
        { "more tensors than bytes", RawBytes.Gguf(tensors: 60_000).ToArray(), ErrorKind.Corrupt, "bytes follow" },
        { "more keys than bytes", RawBytes.Gguf(keys: 2).Text("a").U32(7).U8(1).ToArray(), ErrorKind.Corrupt, "bytes follow" },
        { "key of 2^64-1 bytes", RawBytes.Gguf(keys: 1).U64(ulong.MaxValue).Zeros(99).ToArray(), ErrorKind.Corrupt, "says 18446744073709551615 bytes" },
        { "empty key", RawBytes.Gguf(keys: 1).Text("").U32(7).U8(1).Zeros(9).ToArray(), ErrorKind.Corrupt, "is empty" },
        { "key not UTF-8", RawBytes.Gguf(keys: 1).Text("a\xff").U32(7).U8(1).ToArray(), ErrorKind.Corrupt, "UTF-8" },
        { "key with NUL", RawBytes.Gguf(keys: 1).Text("a\0b").U32(7).U8(1).ToArray(), ErrorKind.Corrupt, "control character" },
        { "key twice", RawBytes.Gguf(keys: 2).Text("a").U32(7).U8(1).Text("a").U32(7).U8(1).ToArray(), ErrorKind.Corrupt, "'a' appears twice" },
        { "unknown type", RawBytes.Gguf(keys: 1).Text("a").U32(13).U64(0).ToArray(), ErrorKind.Corrupt, "unknown type 13" },
        { "negative type", RawBytes.Gguf(keys: 1).Text("a").U32(uint.MaxValue).U64(0).ToArray(), ErrorKind.Corrupt, "unknown type -1" },
        { "truth value 2", RawBytes.Gguf(keys: 1).Text("a").U32(7).U8(2).ToArray(), ErrorKind.Corrupt, "neither 0 nor 1" },
        { "text beyond the file", RawBytes.Gguf(keys: 1).Text("a").U32(8).U64(1 << 20).Zeros(50).ToArray(), ErrorKind.Corrupt, "bytes, but only" },
        { "array beyond the file", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(4).U64(1UL << 62).Zeros(50).ToArray(), ErrorKind.Corrupt, "bytes follow" },
        { "array whose bytes overflow", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(10).U64(1UL << 61).Zeros(50).ToArray(), ErrorKind.Corrupt, "bytes follow" },
        { "array of texts beyond the file", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(8).U64(7).Zeros(50).ToArray(), ErrorKind.Corrupt, "bytes follow" },
        { "text in an array beyond the file", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(8).U64(1).U64(1UL << 40).ToArray(), ErrorKind.Corrupt, "says 1099511627776 bytes" },
        { "array of arrays", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(9).U64(1).U32(4).U64(1).U32(1).ToArray(), ErrorKind.Unsupported, "array of arrays" },
        { "array of unknown", RawBytes.Gguf(keys: 1).Text("a").U32(9).U32(77).U64(1).Zeros(9).ToArray(), ErrorKind.Corrupt, "unknown type 77" },
        { "alignment 0", Aligned(0), ErrorKind.Corrupt, "power of two" },
        { "alignment 24", Aligned(24), ErrorKind.Corrupt, "power of two" },
        { "alignment 2^31", Aligned(1u << 31), ErrorKind.Corrupt, "power of two" },
        { "alignment as text", RawBytes.Gguf(keys: 1).Text("general.alignment").U32(8).Text("32").ToArray(), ErrorKind.Corrupt, "not UInt32" },
        { "alignment as u64", RawBytes.Gguf(keys: 1).Text("general.alignment").U32(10).U64(32).ToArray(), ErrorKind.Corrupt, "not UInt32" },
        { "no dimensions", OneTensor("t", F32, 0), ErrorKind.Corrupt, "0 dimensions" },
        { "five dimensions", OneTensor("t", F32, 0, 1, 1, 1, 1, 1), ErrorKind.Corrupt, "5 dimensions" },
        { "255 dimensions", RawBytes.Gguf(tensors: 1).Text("t").U32(255).Zeros(4000).ToArray(), ErrorKind.Corrupt, "255 dimensions" },
        { "dimension 0", OneTensor("t", F32, 0, 4, 0), ErrorKind.Corrupt, "dimension 1" },
        { "dimension 2^63", OneTensor("t", F32, 0, 1UL << 63), ErrorKind.Corrupt, "dimension 0" },
        { "product overflows to 0", OneTensor("t", F32, 0, 1UL << 32, 1UL << 32), ErrorKind.Corrupt, "overflow" },
        { "product overflows to 4", OneTensor("t", F32, 0, (1UL << 62) + 1, 4), ErrorKind.Corrupt, "overflow" },
        { "bytes overflow", OneTensor("t", F32, 0, 1UL << 62), ErrorKind.Corrupt, "more than the file" },
        { "type removed (Q4_2)", OneTensor("t", 4, 0, 32), ErrorKind.Unsupported, "dropped" },
        { "type removed (Q4_0_8_8)", OneTensor("t", 33, 0, 32), ErrorKind.Unsupported, "dropped" },
        { "type unknown", OneTensor("t", 43, 0, 32), ErrorKind.Corrupt, "unknown type 43" },
        { "type negative", OneTensor("t", uint.MaxValue, 0, 32), ErrorKind.Corrupt, "unknown type -1" },
        { "rows of half a block", OneTensor("t", Q4, 0, 16), ErrorKind.Corrupt, "whole blocks" },
        { "offset beyond the file", OneTensor("t", F32, 1 << 20, 4), ErrorKind.Corrupt, "at the offset 1048576" },
        { "offset 2^64-32", OneTensor("t", F32, ulong.MaxValue - 31, 4), ErrorKind.Corrupt, "offset" },
        { "offset + size wraps", OneTensor("t", F32, long.MaxValue - 31, 4), ErrorKind.Corrupt, "offset" },
        { "size beyond the file", OneTensor("t", F32, 0, 4000), ErrorKind.Corrupt, "more than the file" },
        { "offset not aligned", OneTensor("t", F32, 4, 1), ErrorKind.Corrupt, "not a multiple of 32" },
        { "tensor without a name", OneTensor("", F32, 0, 1), ErrorKind.Corrupt, "is empty" },
        { "tensor name of 64 bytes", OneTensor(new string('n', 64), F32, 0, 1), ErrorKind.Corrupt, "64 bytes" },
        { "tensor name not UTF-8", OneTensor("\xc3(", F32, 0, 1), ErrorKind.Corrupt, "UTF-8" },
        { "tensor name with NUL", OneTensor("a\0", F32, 0, 1), ErrorKind.Corrupt, "control character" },
        { "tensor twice", RawBytes.Gguf(tensors: 2).Tensor("t", F32, 0, 1).Tensor("t", F32, 32, 1).Align(32).Zeros(64).ToArray(), ErrorKind.Corrupt, "'t' appears twice" },
        { "tensors overlap", RawBytes.Gguf(tensors: 2).Tensor("t", F32, 0, 9).Tensor("u", F32, 32, 1).Align(32).Zeros(64).ToArray(), ErrorKind.Corrupt, "overlap" },
        { "tensors at one place", RawBytes.Gguf(tensors: 2).Tensor("t", F32, 0, 1).Tensor("u", F32, 0, 1).Align(32).Zeros(64).ToArray(), ErrorKind.Corrupt, "overlap" },
        { "no data", RawBytes.Gguf(tensors: 1).Tensor("t", F32, 0, 1).ToArray(), ErrorKind.Corrupt, "before the tensors' data" },
        { "token twice", Vocabulary("a", "b", "a"), ErrorKind.Corrupt, "appears twice" },
        { "fewer types than tokens", RawBytes.Gguf(keys: 2).Text("tokenizer.ggml.tokens").U32(9).U32(8).U64(2).Text("a").Text("b").Text("tokenizer.ggml.token_type").U32(9).U32(5).U64(1).U32(1).ToArray(), ErrorKind.Corrupt, "1 entries for 2 tokens" },
        { "fewer scores than tokens", RawBytes.Gguf(keys: 2).Text("tokenizer.ggml.scores").U32(9).U32(6).U64(1).U32(1).Text("tokenizer.ggml.tokens").U32(9).U32(8).U64(2).Text("a").Text("b").ToArray(), ErrorKind.Corrupt, "1 entries for 2 tokens" },
        { "types as floats", RawBytes.Gguf(keys: 2).Text("tokenizer.ggml.token_type").U32(9).U32(6).U64(1).U32(1).Text("tokenizer.ggml.tokens").U32(9).U32(8).U64(1).Text("a").ToArray(), ErrorKind.Corrupt, "not an array of Int32" },
        { "tokens as text", RawBytes.Gguf(keys: 1).Text("tokenizer.ggml.tokens").U32(8).Text("a").ToArray(), ErrorKind.Corrupt, "not an array of strings" },
        { "merges as numbers", RawBytes.Gguf(keys: 2).Text("tokenizer.ggml.merges").U32(9).U32(5).U64(1).U32(1).Text("tokenizer.ggml.tokens").U32(9).U32(8).U64(1).Text("a").ToArray(), ErrorKind.Corrupt, "not an array of strings" },
        { "a token of 70 000 bytes", Vocabulary(new string('x', 70_000)), ErrorKind.Corrupt, "70000 bytes" },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void Read_Malformed_IsRefusedWithAReason(string what, byte[] bytes, ErrorKind kind, string says)
    {
        var error = Assert.Throws<StokerException>(() => GgufFile.Read(new MemoryStream(bytes), "/some/where/model.gguf"));
        Assert.True(error.Kind == kind, $"{what}: {error.Kind} {error.Message}");
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("model.gguf: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("(at byte ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Read_SmallestFiles_AreAcceptedAndHaveNoWeights(uint version)
    {
        var file = GgufFile.Read(new MemoryStream(RawBytes.Gguf(version).ToArray()), "x.gguf");
        Assert.Equal((int)version, file.Version);
        Assert.False(file.HasWeights);
        Assert.Empty(file.Metadata.Values);
    }

    [Fact]
    public void Read_TensorsOutOfOrderWithAGap_AreAccepted()
    {
        var bytes = RawBytes.Gguf(tensors: 2).Tensor("t", F32, 64, 8).Tensor("u", F32, 0, 8).Align(32).Zeros(96).ToArray();
        Assert.Equal(2, GgufFile.Read(new MemoryStream(bytes), "x").Tensors.Count);
    }

    [Fact]
    public void Read_EmptyTokens_AreToldApart()
    {
        var file = GgufFile.Read(new MemoryStream(Vocabulary("", "", "a")), "x");
        Assert.Equal(3, file.Metadata.VocabularySize);
    }

    [Theory]
    [InlineData("gpt-2", "gpt2", 50257L, "gpt2")]
    [InlineData("llama-spm", "llama", 32000L, "llama")]
    [InlineData("phi-3", "phi3", 32064L, "llama")]
    public void Open_RealVocabularies_AreReadWithoutWeights(string name, string architecture, long tokens, string tokenizer)
    {
        var model = GgufModel.Open([Path.Combine(Repository.Root, $"tests/data/vocab/{name}.gguf")]);
        Assert.Equal(architecture, model.Metadata.Architecture);
        Assert.Equal(tokens, model.Metadata.VocabularySize);
        Assert.Equal(tokenizer, model.Metadata.TokenizerModel);
        Assert.False(model.HasWeights);
        Assert.Equal(0, model.ParameterCount);
    }

    [Fact]
    public void Open_AFolderAndNothing_AreErrorsOfTheirKind()
    {
        using var folder = new TempFolder();
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => GgufFile.Open(folder.Path)).Kind);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<StokerException>(() => GgufFile.Open(folder.File("none.gguf"))).Kind);
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => GgufFile.Open("a\0b.gguf")).Kind);
    }

    [Fact]
    public void Open_APipe_IsRefusedAndNotWaitedFor()
    {
        using var folder = new TempFolder();
        var pipe = folder.File("pipe.gguf");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => GgufFile.Open(pipe)).Kind);
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => GgufFile.Open("/dev/zero")).Kind);
    }

    private static byte[] Aligned(uint alignment) => RawBytes.Gguf(keys: 1).Text("general.alignment").U32(4).U32(alignment).ToArray();

    private static byte[] OneTensor(string name, uint type, ulong offset, params ulong[] dimensions) =>
        RawBytes.Gguf(tensors: 1).Tensor(name, type, offset, dimensions).Align(32).Zeros(64).ToArray();

    private static byte[] Vocabulary(params string[] tokens)
    {
        var bytes = RawBytes.Gguf(keys: 1).Text("tokenizer.ggml.tokens").U32(9).U32(8).U64((ulong)tokens.Length);
        foreach (var token in tokens) bytes.Text(token);
        return bytes.ToArray();
    }
}
