using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Sessions over one system prompt hold its cells once, in memory and on disk, and nobody has to say so.</summary>
public sealed class SharedBeginningTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    public async Task NewSession_BeginsLikeAnother_SharesItsCells_AndOutlivesIt(string shape)
    {
        using var rig = new LoopRig(shape, _folder.File("named"));
        using var unnamed = new LoopRig(shape, _folder.File("unnamed"));
        rig.Say(Ask("Who are you?", "first"));
        await rig.SettleAsync();
        var one = rig.Store.AllUsedBytes();
        var second = rig.Say(Ask("Where do you live?", "second"));
        Assert.InRange(second.Usage!.CachedTokens, 200, second.Usage.PromptTokens - 1);
        await rig.SettleAsync();
        Assert.InRange(rig.Store.AllUsedBytes(), one, one * 3 / 2);

        // The same without names takes the same beginning, and computes the same.
        unnamed.Say(Ask("Who are you?", null));
        var twin = unnamed.Say(Ask("Where do you live?", null));
        Assert.Equal(twin.Usage!.CachedTokens, second.Usage.CachedTokens);
        Assert.Equal(twin.Hashes, second.Hashes);

        rig.Desk.Close("first", null);
        rig.Store.Remove("first");
        rig.Desk.Close("second", null);
        var third = rig.Say(Ask("And who lives there with you?", "second") with { Append = true, Messages = [new ChatMessage("user", "And who lives there with you?")] });
        Assert.Null(third.Failure);
        Assert.InRange(third.Usage!.CachedTokens, second.Usage.PromptTokens - 1, third.Usage.PromptTokens - 1);
        Assert.Null(rig.Store.Verify("second", null, null, TestContext.Current.CancellationToken).Damage);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    public void ClosedSession_IsFoundAfterARestart_ByWhoBeginsLikeIt_AndStaysWhatItIs(string shape)
    {
        using (var before = new LoopRig(shape, _folder.Path)) before.Say(Ask("Who are you?", "first"));
        using var rig = new LoopRig(shape, _folder.Path);
        var kept = rig.Store.Read("first");
        Assert.InRange(rig.Say(Ask("Where do you live?", null)).Usage!.CachedTokens, 200, 1000);
        Assert.InRange(rig.Say(Ask("Where do you live?", "other")).Usage!.CachedTokens, 200, 1000);
        Assert.Equal(0, rig.Say(Ask("Where do you live?", "stranger") with { Scope = "another key" }).Usage!.CachedTokens);
        Assert.Equal(kept.Tokens, rig.Store.Read("first").Tokens);
        Assert.Null(rig.Store.Verify("first", null, null, TestContext.Current.CancellationToken).Damage);
        var next = rig.Say(Ask("", "first") with { Append = true, Messages = [new ChatMessage("user", "And then?")] });
        Assert.InRange(next.Usage!.CachedTokens, kept.Tokens.Count - 1, next.Usage.PromptTokens);
    }

    private static GenerationRequest Ask(string question, string? session) => new()
    {
        Messages = [new ChatMessage("system", string.Join(' ', Enumerable.Range(0, 100).Select(static i => $"Rule {i}."))), new ChatMessage("user", question)], ChatTemplate = "chatml", Session = session,
    };

    public void Dispose() => _folder.Dispose();
}
