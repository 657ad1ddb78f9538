using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Cells that one conversation reads and another once wrote, which is closed and opened again: nobody overwrites them.</summary>
public sealed class SharedCellsTests
{
    private static readonly GenerationRequest Named = new()
    {
        Messages = [new ChatMessage("user", "The first message of a conversation that is worth keeping, for whoever begins with the same words.")], ChatTemplate = "chatml", Session = "s",
    };

    [Fact]
    public async Task Branch_BeyondWhatItsParentHadSaved_StaysWhenTheParentComesBack()
    {
        using var folder = new TempFolder();
        using var whole = new LoopRig("tiny", folder.File("whole"));
        using var rig = new LoopRig("tiny", folder.File("rig"));
        int[] opening = [.. Enumerable.Range(0, 100).Select(static i => 300 + (i * 7 % 200))];
        int[] begun = [.. opening, .. rig.Say(new GenerationRequest { Tokens = opening }).Tokens];
        int[] prompt = [.. begun, .. Enumerable.Range(0, 1500).Select(static i => 300 + (i * 11 % 190))];
        int[] other = [.. begun, .. Enumerable.Range(0, 900).Select(static i => 300 + (i * 13 % 170))];
        await rig.SettleAsync();

        // The parent is at its long prompt, and saved as it was before that.
        using var leave = new CancellationTokenSource();
        var parent = rig.Begin(new GenerationRequest { Tokens = prompt }, listener: new LoopRig.Listener { Cancelled = leave.Token });
        rig.Step();
        rig.Step();
        parent.IsBehind = true; // or the child's cells are computed beside others, and differ in their last bits
        var child = rig.Say(new GenerationRequest { Tokens = prompt });
        Assert.InRange(child.Usage!.CachedTokens, 1000, 1400);
        await leave.CancelAsync();
        rig.Finish(parent);
        await rig.SettleAsync();
        rig.Desk.Close(null, null);
        Assert.Empty(rig.Table.Kept);

        // It comes back at what was saved, and goes another way.
        Assert.InRange(rig.Say(new GenerationRequest { Tokens = other }).Usage!.CachedTokens, begun.Length - 2, begun.Length);

        whole.Say(new GenerationRequest { Tokens = opening });
        Assert.Equal(whole.Say(new GenerationRequest { Tokens = prompt }).Hashes, child.Hashes);
        Assert.Equal(Again(whole, prompt), Again(rig, prompt));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Unnamed_ThatBeginsLikeASession_StaysWhenThatIsOpenedAgainAndEdited(bool cached)
    {
        using var folder = new TempFolder();
        using var whole = new LoopRig("tiny", folder.File("whole"), cached: cached);
        using var rig = new LoopRig("tiny", folder.File("rig"), cached: cached);
        rig.Say(Named);
        var child = rig.Say(Named with { Session = null });
        Assert.Equal(cached, child.Usage!.CachedTokens > 0); // what cannot be protected is not shared
        await rig.SettleAsync();
        rig.Desk.Close("s", null);
        rig.Say(Named with { Messages = [new ChatMessage("user", "The first message was quite another one, and it is longer than that which it takes the place of was, by far.")] });

        whole.Say(Named);
        Assert.Equal(whole.Say(Named with { Session = null }).Hashes, child.Hashes);
        var (expected, got) = (whole.Say(Named with { Session = null }), rig.Say(Named with { Session = null }));
        Assert.True(got.Usage!.CachedTokens > 32);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    // What it has is kept, but for the last token: all cells are read for that.
    private static IReadOnlyList<ulong> Again(LoopRig rig, int[] prompt)
    {
        var answer = rig.Say(new GenerationRequest { Tokens = prompt });
        Assert.Equal(prompt.Length - 1, answer.Usage!.CachedTokens);
        return answer.Hashes;
    }
}
