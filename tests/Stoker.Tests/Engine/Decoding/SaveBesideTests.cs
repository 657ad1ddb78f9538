using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Tests.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>A session is saved beside the decode thread: nobody waits for its disk but whoever is answered in it.</summary>
public sealed class SaveBesideTests : IDisposable
{
    private static readonly GenerationRequest First = new()
    {
        Messages = [new ChatMessage("user", "The first message of a conversation that is worth keeping.")], ChatTemplate = "chatml", Session = "s", Append = true,
    };

    private static readonly GenerationRequest Second = First with { Messages = [new ChatMessage("user", "And the second one.")] };

    private readonly TempFolder _folder = new();

    [Fact]
    public async Task LastSaveIsHeldUp_OthersAreAnswered_AndItsEndIsToldAfterIt()
    {
        var clock = new HeldClock();
        using var rig = new LoopRig("tiny", _folder.Path, time: clock);
        rig.Say(First);
        await rig.SettleAsync();
        clock.HoldNext();
        try
        {
            var held = rig.Begin(Second, tokens: 4);
            while (!clock.Held.IsCompleted) rig.Step();
            Assert.Null(rig.Say(new GenerationRequest { Text = "Once upon a time" }).Failure);
            Assert.Equal(4, held.Tokens.Count);
            Assert.False(held.HasEnded);
            Assert.Equal(2, rig.Store.Read("s").Messages.Count);
            clock.LetGo();
            rig.Finish(held);
            Assert.Null(held.Failure);
            Assert.Equal(4, rig.Store.Read("s").Messages.Count); // before its end was told
        }
        finally
        {
            clock.LetGo();
        }
    }

    [Fact]
    public void SaveFails_TheAnswerEndsWithIt_OthersGoOn_AndTheSessionIsAsItWas()
    {
        using var rig = new LoopRig("tiny", _folder.Path);
        rig.Say(First);
        var kept = rig.Store.Read("s");
        // What stands in the way of the next snapshot.
        var inTheWay = Path.Combine(_folder.Path, rig.Store.Find("s")!.Id, "snapshot.new", "in-the-way");
        Directory.CreateDirectory(inTheWay);
        var (failing, other) = (rig.Begin(Second), rig.Begin(new GenerationRequest { Text = "Once upon a time" }));
        rig.Finish(failing, other);
        Assert.Equal(ErrorKind.Io, failing.Failure?.Kind);
        Assert.Null(other.Failure);
        Assert.Equal(24, other.Tokens.Count);
        Assert.Equal(kept.Tokens, rig.Store.Read("s").Tokens);

        Directory.Delete(Path.GetDirectoryName(inTheWay)!, recursive: true);
        Assert.Null(rig.Say(Second).Failure);
        Assert.Equal(4, rig.Store.Read("s").Messages.Count);
    }

    [Fact]
    public async Task LongPrompt_CutOffInTheMiddle_IsNotReadFromItsBeginningAgain()
    {
        var request = First with { Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(0, 1200)))] };
        int prompt;
        using (var rig = new LoopRig("tiny", _folder.Path, contextTokens: 8192))
        {
            var reading = rig.Begin(request);
            while (rig.Store.Find("s") is not { Cells: >= 2048 })
            {
                rig.Step();
                await rig.SettleAsync(); // or the prompt is over before what was begun is written
            }
            Assert.Empty(reading.Tokens);
            Assert.Empty(rig.Store.Read("s").Messages); // nothing was said yet
        }
        using var again = new LoopRig("tiny", _folder.Path, contextTokens: 8192);
        using var fresh = new TempFolder();
        using var whole = new LoopRig("tiny", fresh.Path, contextTokens: 8192);
        var (got, expected) = (again.Say(request), whole.Say(request));
        prompt = expected.Usage!.PromptTokens;
        Assert.InRange(got.Usage!.CachedTokens, 2048, prompt - 1);
        Assert.Equal(0, expected.Usage.CachedTokens);
        Assert.Equal(expected.Tokens, got.Tokens);
        Assert.Equal(2, again.Store.Read("s").Messages.Count);
    }

    public void Dispose() => _folder.Dispose();
}
