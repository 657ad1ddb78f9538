using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>A kept state that llama.cpp does not take: the conversation is computed again, once.</summary>
public sealed class RefusedStateTests : IDisposable
{
    private const string Opening = "Once upon a time there was a program that kept every conversation where it could be found again, and the next morning";

    private static readonly GenerationRequest First = new()
    {
        Messages = [new ChatMessage("user", "The first message, long enough to matter.")], ChatTemplate = "chatml", Session = "s", Append = true,
    };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public void PromptThatBeginsLikeIt_IsComputed_AndItIsGone(string shape)
    {
        var id = Spoil(shape, "spoilt", Opening);
        using var rig = new LoopRig(shape, _folder.File("spoilt"));
        using var fresh = new LoopRig(shape, _folder.File("fresh"));
        var got = rig.Say(Opening + " it went on.");
        AssertSame(fresh.Say(Opening + " it went on."), got);
        Assert.Equal(0, got.Usage!.CachedTokens);
        Assert.Null(rig.Store.Find(id));
        Assert.InRange(rig.Say(Opening + " it went on.").Usage!.CachedTokens, 60, 200);
    }

    [Fact]
    public void PromptThatGoesOnWithIt_IsComputed_AndIsWhatIsKept()
    {
        int[] tokens;
        using (var rig = new LoopRig("lfm2t", _folder.File("spoilt")))
        {
            rig.Say(Opening);
            tokens = [.. rig.Table.Kept.Single().Tokens];
        }
        var id = SpoilKept("lfm2t", "spoilt");
        var prompt = new GenerationRequest { Tokens = [.. tokens, 7, 8, 9] };
        using var spoilt = new LoopRig("lfm2t", _folder.File("spoilt"));
        using var fresh = new LoopRig("lfm2t", _folder.File("fresh"));
        var got = spoilt.Say(prompt);
        AssertSame(fresh.Say(prompt), got);
        Assert.Equal(0, got.Usage!.CachedTokens);
        Assert.Equal(id, spoilt.Table.Kept.Single().Session?.Id);
        Assert.Equal(tokens.Length + 2, spoilt.Say(prompt).Usage!.CachedTokens);
    }

    [Fact]
    public void NamedSession_KeepsItsTextAndGoesOn()
    {
        using (var rig = new LoopRig("lfm2t", _folder.File("spoilt"))) rig.Say(First);
        using (var rig = new LoopRig("lfm2t", _folder.File("whole"))) rig.Say(First);
        SpoilKept("lfm2t", "spoilt", "s");
        var second = First with { Messages = [new ChatMessage("user", "And the second one.")] };
        using var spoilt = new LoopRig("lfm2t", _folder.File("spoilt"));
        using var whole = new LoopRig("lfm2t", _folder.File("whole"));
        var got = spoilt.Say(second);
        Assert.Null(got.Failure);
        Assert.Equal(0, got.Usage!.CachedTokens);
        Assert.Equal(whole.Say(second).Usage!.PromptTokens, got.Usage.PromptTokens);
        Assert.Equal(4, spoilt.Store.Read("s").Messages.Count);
        Assert.InRange(spoilt.Say(second).Usage!.CachedTokens, 60, 300);
    }

    private static void AssertSame(LoopRig.Listener expected, LoopRig.Listener got)
    {
        Assert.Null(got.Failure);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    private string Spoil(string shape, string sessions, string text)
    {
        using (var rig = new LoopRig(shape, _folder.File(sessions))) rig.Say(text);
        return SpoilKept(shape, sessions);
    }

    // Every state of it becomes one that its sums agree with and llama.cpp does not.
    private string SpoilKept(string shape, string sessions, string? name = null)
    {
        using var rig = new LoopRig(shape, _folder.File(sessions));
        var nameOrId = name ?? Assert.Single(rig.Store.ListCache()).Id;
        using var session = rig.Store.Open(nameOrId, null, rig.Identity, rig.Layout);
        var kept = session.Snapshot;
        session.Save(kept with { State = new byte[kept.State.Length], Points = [.. kept.Points.Select(static point => point with { State = new byte[point.State.Length] })] });
        return session.Id;
    }
}
