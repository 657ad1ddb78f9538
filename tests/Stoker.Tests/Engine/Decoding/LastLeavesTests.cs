using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class LastLeavesTests
{
    [Fact]
    public void Act_WhenTheLastHasGone_AndNotBefore()
    {
        using CancellationTokenSource first = new(), second = new(), third = new();
        first.Cancel();
        var acts = 0;
        using var watch = new LastLeaves([first.Token, second.Token, third.Token], () => acts++);
        second.Cancel();
        Assert.Equal(0, acts);
        third.Cancel();
        Assert.Equal(1, acts);
    }

    [Fact]
    public void Act_AllHadGone_AtOnce()
    {
        var acts = 0;
        using var watch = new LastLeaves([new CancellationToken(true)], () => acts++);
        Assert.Equal(1, acts);
    }

    [Fact]
    public void Act_OneWhoCannotGo_Never()
    {
        using var source = new CancellationTokenSource();
        var acts = 0;
        using var watch = new LastLeaves([source.Token, CancellationToken.None], () => acts++);
        source.Cancel();
        Assert.Equal(0, acts);
    }

    [Fact]
    public void Act_Disposed_NotAnyMore()
    {
        using var source = new CancellationTokenSource();
        var acts = 0;
        new LastLeaves([source.Token], () => acts++).Dispose();
        source.Cancel();
        Assert.Equal(0, acts);
    }
}
