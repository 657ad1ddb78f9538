using System.Text;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

public sealed class SessionPromptTests
{
    // One token a letter, and one for each pair that a tokenizer would rather take: what a model writes need not be what its text tokenises to.
    private static byte[] BytesOf(int token) => token < 256 ? [(byte)token] : token == 999 ? Encoding.UTF8.GetBytes("<s>") : [(byte)(token >> 8), (byte)token];

    private static int[] Tokenize(byte[] text)
    {
        var tokens = new List<int>();
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && text[i] == 'a' && text[i + 1] == 'b') tokens.Add(('a' << 8) | text[++i]);
            else tokens.Add(text[i]);
        }
        return [.. tokens];
    }

    private static int[] Tokens(int[] kept, string text, bool bos = false)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        int[] fresh = bos ? [999, .. Tokenize(bytes)] : Tokenize(bytes);
        return SessionPrompt.Tokens(kept, fresh, bytes, BytesOf, Tokenize);
    }

    [Fact]
    public void Tokens_TextThatGoesOn_KeepsTheTokensAsTheyAre() => Assert.Equal(['x', 'a', 'b', 'c', 'd'], Tokens(['x', 'a', 'b'], "xabcd"));

    [Fact]
    public void Tokens_BehindATokenThatIsInNoText_Too() => Assert.Equal([999, 'x', 'a', 'b', 'c'], Tokens([999, 'x', 'a', 'b'], "xabc", bos: true));

    [Fact]
    public void Tokens_BehindBytesThatMakeNoCharacter_KeepsTheTokensAsTheyAre()
    {
        // 0x80 alone, and the first two bytes of three at the answer's end: in the text they are U+FFFD.
        Assert.Equal(['x', 0x80, 'a', 'b', 'c'], Tokens(['x', 0x80, 'a', 'b'], "x\uFFFDabc"));
        Assert.Equal([('x' << 8) | 'x', 0xE2, 0x82, 'c'], Tokens([('x' << 8) | 'x', 0xE2, 0x82], "xx\uFFFDc"));
        Assert.Equal(['x', 'c'], Tokens(['x', 0x80], "xc"));
    }

    [Fact]
    public void Tokens_AnotherText_IsTokenisedAnew() => Assert.Equal(['x', ('a' << 8) | 'b', 'c'], Tokens(['x', 'a', 'a'], "xabc"));

    [Fact]
    public void Tokens_TheSameText_IsTokenisedAnew() => Assert.Equal(['x', ('a' << 8) | 'b'], Tokens(['x', 'a', 'b'], "xab"));

    [Fact]
    public void Tokens_PartsThatDoNotMakeTheWhole_AreTokenisedAnew() =>
        Assert.Equal([1, 2], SessionPrompt.Tokens(['a'], [1, 2], "abc"u8, BytesOf, static rest => [' ', .. rest.Select(static letter => (int)letter)]));

    [Fact]
    public void Messages_Append_FollowsAndDoesNotRepeatTheOpening()
    {
        ChatMessage opening = new("system", "be brief"), first = new("user", "1"), answer = new("assistant", "one"), second = new("user", "2");
        Assert.Equal([opening, first, answer, second], SessionPrompt.Messages([opening, first, answer], [opening, second], append: true));
        Assert.Equal([opening, first], SessionPrompt.Messages([], [opening, first], append: true));
        Assert.Equal([second], SessionPrompt.Messages([opening, first, answer], [second], append: false));
    }
}
