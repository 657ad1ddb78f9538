using System.Text;
using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class StopMatcherTests
{
    private const int Seed = 7;

    [Theory]
    [InlineData("hello world", "o w", "hell", "o w")]
    [InlineData("aaab", "aab", "a", "aab")]
    [InlineData("no stop here", "###", "no stop here", null)]
    [InlineData("ends with ##", "###", "ends with ##", null)]
    [InlineData("Grüß 👋 dich", "👋", "Grüß ", "👋")]
    public void Push_OneStop_EndsBeforeIt(string text, string stop, string expected, string? found)
    {
        var matcher = new StopMatcher([stop]);
        Assert.Equal(expected, matcher.Push(text) + matcher.Flush());
        Assert.Equal(found, matcher.Found);
    }

    [Fact]
    public void Push_TwoThatEndTogether_TheLongerCounts()
    {
        var matcher = new StopMatcher(["b", "ab"]);
        Assert.Equal("x", matcher.Push("xab"));
        Assert.Equal("ab", matcher.Found);
    }

    [Fact]
    public void Push_CutAnywhere_SaysTheSame()
    {
        // A small alphabet, so that stops nearly match all the time.
        var random = new Random(Seed);
        for (var round = 0; round < 100_000; round++)
        {
            var stops = Enumerable.Range(0, random.Next(1, 4)).Select(_ => RandomText(random, 1, 5)).ToArray();
            var text = RandomText(random, 0, 24);
            var (expected, expectedStop) = Reference(text, stops);
            var matcher = new StopMatcher(stops);
            var got = new StringBuilder();
            for (var at = 0; at < text.Length;)
            {
                var length = Math.Min(text.Length - at, random.Next(1, 6));
                got.Append(matcher.Push(text.Substring(at, length)));
                at += length;
            }
            if (matcher.Found is null) got.Append(matcher.Flush());
            Assert.True(expected == got.ToString() && expectedStop == matcher.Found, $"seed {Seed}, round {round}: '{text}' with {string.Join('|', stops)}");
        }
    }

    [Fact]
    public void Push_NothingThatCouldBeAStop_IsHeldBack()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 20_000; round++)
        {
            var stops = new[] { RandomText(random, 1, 5), RandomText(random, 1, 5) };
            var matcher = new StopMatcher(stops);
            var text = "";
            var told = "";
            while (matcher.Found is null && text.Length < 20)
            {
                var next = RandomText(random, 1, 1);
                text += next;
                told += matcher.Push(next);
                if (matcher.Found is not null) break;
                var held = text[told.Length..];
                Assert.True(held.Length == 0 || stops.Any(stop => stop.StartsWith(held, StringComparison.Ordinal)), $"seed {Seed}, round {round}: '{held}' of '{text}'");
            }
        }
    }

    // The plainest way to say it: the first place where a stop ends; of those ending there, the longest.
    private static (string Text, string? Stop) Reference(string text, string[] stops)
    {
        for (var end = 1; end <= text.Length; end++)
        {
            var ending = stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).OrderByDescending(static stop => stop.Length).FirstOrDefault();
            if (ending is not null) return (text[..(end - ending.Length)], ending);
        }
        return (text, null);
    }

    private static string RandomText(Random random, int least, int most) =>
        string.Concat(Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => "abc"[random.Next(3)]));
}
