using System.Text;
using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class Utf8AssemblerTests
{
    private const int Seed = 11;

    [Fact]
    public void Push_HalfACharacter_IsHeldUntilItIsWhole()
    {
        var assembler = new Utf8Assembler();
        var wave = "👋"u8;
        Assert.Equal("", assembler.Push(wave[..1]));
        Assert.Equal("", assembler.Push(wave[1..3]));
        Assert.Equal("👋", assembler.Push(wave[3..]));
        Assert.Equal("", assembler.Flush());
    }

    [Fact]
    public void Flush_CharacterNeverCompleted_IsReplaced()
    {
        var assembler = new Utf8Assembler();
        Assert.Equal("", assembler.Push("👋"u8[..3]));
        Assert.Equal("\uFFFD", assembler.Flush());
    }

    [Fact]
    public void Push_AnyBytesCutAnywhere_SaysWhatTheWholeSays()
    {
        var random = new Random(Seed);
        var pieces = new[] { "a", "ß", "漢", "👋", "e\u0301", "\u202E" }.Select(Encoding.UTF8.GetBytes).ToArray();
        for (var round = 0; round < 100_000; round++)
        {
            var bytes = new List<byte>();
            for (var i = random.Next(1, 8); i > 0; i--)
            {
                if (random.Next(3) == 0) bytes.Add((byte)random.Next(256)); // often no UTF-8
                else bytes.AddRange(pieces[random.Next(pieces.Length)]);
            }
            var all = bytes.ToArray();
            var assembler = new Utf8Assembler();
            var got = new StringBuilder();
            for (var at = 0; at < all.Length;)
            {
                var length = Math.Min(all.Length - at, random.Next(1, 4));
                var text = assembler.Push(all.AsSpan(at, length));
                Assert.False(text.Length > 0 && char.IsHighSurrogate(text[^1]), $"seed {Seed}, round {round}");
                got.Append(text);
                at += length;
            }
            got.Append(assembler.Flush());
            Assert.True(Encoding.UTF8.GetString(all) == got.ToString(), $"seed {Seed}, round {round}: {Convert.ToHexString(all)}");
        }
    }
}
