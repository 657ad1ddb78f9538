using Stoker.Engine.Decoding;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

public sealed class PrefixIndexTests
{
    private static int[] Tokens(int count, int from = 0) => [.. Enumerable.Range(from, count)];

    private static PrefixIndex Of(bool canCut, params CachedConversation[] kept)
    {
        var index = new PrefixIndex();
        foreach (var conversation in kept) index.Add(conversation, canCut);
        return index;
    }

    [Fact]
    public void Longest_TheOneThatSharesMost_OfItsScopeAlone()
    {
        var index = Of(
            canCut: true,
            new CachedConversation("short", "mine", Tokens(100), []),
            new CachedConversation("long", "mine", [.. Tokens(200), .. Tokens(50, 9000)], []),
            new CachedConversation("theirs", "theirs", Tokens(400), []));
        Assert.Equal("long", index.Longest(Tokens(300), "mine", 31));
        Assert.Equal("theirs", index.Longest(Tokens(300), "theirs", 31));
        Assert.Null(index.Longest(Tokens(300), "nobody", 31));
        Assert.Null(index.Longest(Tokens(300, 1), "mine", 31));
        index.Remove("long");
        Assert.Equal("short", index.Longest(Tokens(300), "mine", 31));
    }

    [Theory]
    [InlineData(191, true)]
    [InlineData(192, false)]
    public void Longest_WhatIsNotMoreThanThereIs_IsNotFound(int moreThan, bool found)
    {
        var index = Of(canCut: true, new CachedConversation("a", "", [.. Tokens(200), .. Tokens(50, 9000)], []));
        Assert.Equal(found ? "a" : null, index.Longest(Tokens(300), "", moreThan));
    }

    [Theory]
    [InlineData(100, null)] // the prompt's last token is never taken
    [InlineData(101, "a")]
    public void Longest_OfWhatCannotBeCut_OnlyItsStates(int prompt, string? found)
    {
        var index = Of(canCut: false, new CachedConversation("a", "", [.. Tokens(100), .. Tokens(200, 9000)], [100]));
        Assert.Equal(found, index.Longest(Tokens(prompt), "", 31));
        Assert.Null(index.Longest([.. Tokens(99), 5, 6, 7], "", 31));
        Assert.Equal("a", index.Longest([.. Tokens(100), .. Tokens(201, 9000)], "", 100));
    }
}
