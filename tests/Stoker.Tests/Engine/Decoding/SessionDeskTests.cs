using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Named conversations that do not come to an answer.</summary>
public sealed class SessionDeskTests : IDisposable
{
    private static readonly GenerationRequest First = new()
    {
        Messages = [new ChatMessage("user", "The first message of a conversation that is worth keeping.")], ChatTemplate = "chatml", Session = "s", Append = true,
    };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RequestsThatAreRefused_LeaveNoSessionAndNothingOpen()
    {
        using var rig = new LoopRig("tiny", _folder.Path);
        rig.Say(First);
        var tooLong = First with { Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(0, 3000)))] };
        for (var i = 0; i < 40; i++) Assert.Equal(ErrorKind.ContextOverflow, rig.Say(tooLong with { Session = $"s{i}" }).Failure?.Kind);
        Assert.Equal("s", Assert.Single(rig.Table.Kept).Session!.Name);
        Assert.Equal("s", Assert.Single(rig.Store.List()).Name);
        Assert.Equal(ErrorKind.ContextOverflow, rig.Say(tooLong).Failure?.Kind);
        Assert.Equal(2, rig.Store.Read("s").Messages.Count);
    }

    [Fact]
    public void RequestsThatAreRefused_OfSessionsThatThereAre_KeepNoMoreOfThemOpenThanAnswersDo()
    {
        using var rig = new LoopRig("tiny", _folder.Path);
        for (var i = 0; i < 40; i++) rig.Say(First with { Session = $"s{i}" }, tokens: 1);
        rig.Desk.Close(null, null);
        for (var i = 0; i < 40; i++) Assert.Equal(ErrorKind.ContextOverflow, rig.Say(First with { Session = $"s{i}", Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(0, 3000)))] }).Failure?.Kind);
        Assert.InRange(rig.Table.Kept.Count(), 1, 32);
        Assert.Equal(40, rig.Store.List().Count);
    }

    [Fact]
    public async Task ConversationOfTheCacheThatWasGivenAName_IsNotTakenForOneInWhichNothingWasSaid()
    {
        using var rig = new LoopRig("tiny", _folder.Path);
        var text = string.Join(' ', Enumerable.Range(0, 100));
        rig.Say(text);
        await rig.SettleAsync();
        rig.Desk.Close(null, null);
        rig.Store.Rename(rig.Store.ListCache()[0].Id, "named"); // it has cells, and no messages
        Assert.True(rig.Say($"{text} and more").Usage!.CachedTokens > 100);
        Assert.Contains(rig.Table.Kept, static kept => kept.Session!.Name == "named");
        rig.Desk.Close(null, null);
        Assert.Equal("named", Assert.Single(rig.Store.List()).Name);
    }

    [Fact]
    public void LongPromptIsReadAndSaved_HowTheAnswerBeforeItEndedIsStillKnown()
    {
        using var rig = new LoopRig("tiny", _folder.Path, contextTokens: 8192);
        rig.Say(First);
        var before = rig.Store.Read("s");
        rig.Begin(First with { Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(0, 1200)))] });
        while (rig.Store.Find("s") is not { Cells: >= 2048 }) rig.Step();
        var reading = rig.Store.Read("s");
        Assert.Equal(before.Messages, reading.Messages);
        Assert.Equal(before.Answer!.End, reading.Answer?.End);
        Assert.Null(reading.Answer!.Next); // its tokens are not the last any more
    }

    [Fact]
    public void IdOfAConversationWithoutAName_IsNoName()
    {
        using var rig = new LoopRig("tiny", _folder.Path);
        rig.Say("Something that nobody gave a name.");
        var kept = Assert.Single(rig.Table.Kept);
        Assert.Equal(ErrorKind.InvalidInput, rig.Say(First with { Session = kept.Session!.Id }).Failure?.Kind);
        Assert.Same(kept, Assert.Single(rig.Table.Kept));
    }

    [Fact]
    public void SaveBeside_AfterOneThatFailed_IsWhatCounts()
    {
        var conversation = new Conversation("");
        conversation.SaveBeside(static () => throw new StokerException(ErrorKind.OutOfSpace, "full"));
        conversation.SaveBeside(static () => { });
        conversation.Settle();
        Assert.Null(conversation.SaveFailure);
        conversation.SaveBeside(static () => throw new StokerException(ErrorKind.OutOfSpace, "full"));
        conversation.Settle();
        Assert.NotNull(conversation.SaveFailure);
    }
}
