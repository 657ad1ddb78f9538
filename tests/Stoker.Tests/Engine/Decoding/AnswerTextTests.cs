using System.Text;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

public sealed class AnswerTextTests
{
    private static readonly string[] Letters = ["a", "b", "é", "日", "🙂"];

    [Fact]
    public void Resume_AnywhereInAnyText_TellsWhatNeverStoppedDoes()
    {
        const int seed = 20261121;
        var random = new Random(seed);
        for (var round = 0; round < 20_000; round++)
        {
            var text = Some(5, random.Next(1, 30), random);
            string[] stops = [.. Enumerable.Range(0, random.Next(3)).Select(_ => Some(3, random.Next(2, 5), random))];
            var tokens = Cut(Encoding.UTF8.GetBytes(text), random);
            var whole = new AnswerText(stops);
            var expected = Tell(whole, tokens);

            var cut = random.Next(tokens.Count + 1);
            var first = new AnswerText(stops);
            var before = string.Concat(tokens.Take(cut).Select(token => Push(first, token)));
            var second = new AnswerText(stops);
            Assert.Equal(before, second.Resume(tokens.Take(cut), holdsBack: true));
            Assert.True(expected == before + Tell(second, tokens.Skip(cut)), $"seed {seed}, round {round}");
            Assert.Equal(whole.StopFound, second.StopFound);
        }
    }

    [Fact]
    public void Resume_WhatWasTold_IsNotToldAgain_AndHalfACharacterIsMadeWhole()
    {
        byte[][] before = ["end"u8.ToArray(), [0xC3]];
        var text = new AnswerText(["endé!"]);
        Assert.Equal("end", text.Resume(before, holdsBack: false));
        Assert.Equal("é!", Tell(text, [[0xA9], "!"u8.ToArray()]));
        Assert.Null(text.StopFound);
    }

    private static string Some(int letters, int length, Random random) => string.Concat(Enumerable.Range(0, length).Select(_ => Letters[random.Next(letters)]));

    private static string Tell(AnswerText text, IEnumerable<byte[]> tokens) => string.Concat(tokens.Select(token => Push(text, token))) + text.Finish()?.Text;

    private static string? Push(AnswerText text, byte[] token) => text.Push(new TokenSample(1, token))?.Text;

    private static List<byte[]> Cut(byte[] bytes, Random random)
    {
        var tokens = new List<byte[]>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(random.Next(1, 5), bytes.Length - at);
            tokens.Add(bytes[at..(at + length)]);
            at += length;
        }
        return tokens;
    }
}
