using Stoker.Core.Errors;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>A session whose first answer never began leaves nothing behind; one in which something was said stays.</summary>
public sealed class UnsaidSessionTests : IDisposable
{
    private static readonly GenerationRequest Short = new()
    {
        Messages = [new ChatMessage("user", "The first message of a conversation that is worth keeping.")], ChatTemplate = "chatml", Session = "s", Append = true,
    };

    private static readonly GenerationRequest Long = Short with { Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(0, 1200)))] };

    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    public void CancelledInItsFirstPrompt_NothingStays(string shape)
    {
        using var rig = new LoopRig(shape, _folder.Path, contextTokens: 8192);
        using var leaving = new CancellationTokenSource();
        var asked = rig.Begin(Long, listener: new LoopRig.Listener { Cancelled = leaving.Token });
        rig.Step();
        Assert.NotNull(rig.Store.Find("s"));
        leaving.Cancel();
        rig.Finish(asked);
        Assert.Equal(ErrorKind.Cancelled, asked.Failure?.Kind);
        Assert.Empty(rig.Store.List());
        Assert.Null(rig.Say(Short).Failure);
        Assert.Equal(2, rig.Store.Read("s").Messages.Count);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    public async Task CancelledAfterMuchOfIt_WhatWasComputedIsUsedByTheNextThatBeginsSo(string shape)
    {
        using var rig = new LoopRig(shape, _folder.Path, contextTokens: 8192);
        using var leaving = new CancellationTokenSource();
        var asked = rig.Begin(Long, listener: new LoopRig.Listener { Cancelled = leaving.Token });
        while (rig.Store.Find("s") is not { Cells: >= 2048 }) rig.Step();
        leaving.Cancel();
        rig.Finish(asked);
        await rig.SettleAsync();
        Assert.Empty(rig.Store.List());
        Assert.InRange(rig.Say(Long with { Session = "t" }).Usage!.CachedTokens, 2048, 8192);
    }

    [Fact]
    public void RefusedBeforeItBegins_NothingStays()
    {
        using var rig = new LoopRig("tiny", _folder.Path, contextTokens: 512);
        Assert.Equal(ErrorKind.ContextOverflow, rig.Say(Long).Failure?.Kind);
        Assert.Empty(rig.Store.List());
    }

    [Fact]
    public void CancelledInALaterPrompt_TheSessionIsAsItWas()
    {
        using var rig = new LoopRig("tiny", _folder.Path, contextTokens: 8192);
        rig.Say(Short);
        var kept = rig.Store.Read("s");
        using var leaving = new CancellationTokenSource();
        var asked = rig.Begin(Long, listener: new LoopRig.Listener { Cancelled = leaving.Token });
        rig.Step();
        leaving.Cancel();
        rig.Finish(asked);
        Assert.Equal(kept.Messages, rig.Store.Read("s").Messages);
        Assert.Null(rig.Say(Long).Failure);
        Assert.Equal(4, rig.Store.Read("s").Messages.Count);
    }

    public void Dispose() => _folder.Dispose();
}
