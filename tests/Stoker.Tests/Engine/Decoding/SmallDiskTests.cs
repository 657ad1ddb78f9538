using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Tests.Supply;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Conversations on a small real file system that is full.</summary>
public sealed class SmallDiskTests
{
    private static readonly GenerationRequest First = new()
    {
        Messages = [new ChatMessage("user", "The first message of a conversation that is worth keeping.")], ChatTemplate = "chatml", Session = "s", Append = true,
    };

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    public void EditOfASession_ThatCannotBeMovedBack_LeavesItAsItWas(string shape)
    {
        using var disk = Mount(8);
        using var folder = new TempFolder();
        using var rig = new LoopRig(shape, Path.Combine(disk.Path, "sessions"));
        using var whole = new LoopRig(shape, folder.Path);
        whole.Say(First);
        rig.Say(First);
        var kept = rig.Store.Read("s");
        var filler = disk.Fill();
        var edited = First with { Append = false, Messages = [new ChatMessage("user", "The first message was another one.")] };
        Assert.Equal(ErrorKind.OutOfSpace, rig.Say(edited).Failure?.Kind);

        File.Delete(filler);
        Assert.Equal(kept.Tokens, rig.Store.Read("s").Tokens);
        var second = First with { Messages = [new ChatMessage("user", "And the second one.")] };
        var (expected, got) = (whole.Say(second), rig.Say(second));
        Assert.Null(got.Failure);
        Assert.InRange(got.Usage!.CachedTokens, 60, kept.Tokens.Count);
        Assert.Equal(expected.Usage!.CachedTokens, got.Usage.CachedTokens);
        Assert.Equal(expected.Hashes, got.Hashes);
        Assert.Equal(4, rig.Store.Read("s").Messages.Count);
    }

    [Fact]
    public async Task DiskFullBeforeAConversationBegins_WhatTheCacheKeepsMakesRoom()
    {
        using var disk = Mount(8);
        using (var before = new LoopRig("tiny", Path.Combine(disk.Path, "sessions"))) before.Say("A conversation of another time.", tokens: 200);
        using var rig = new LoopRig("tiny", Path.Combine(disk.Path, "sessions"));
        rig.Say("A conversation that is open still.", tokens: 200);
        await rig.SettleAsync(); // or what is trimmed now goes to the filler
        var filler = disk.Fill();
        // 3 KiB a token, 256 tokens at once: what two have makes room for this one, and for no more.
        Assert.Null(rig.Say("The third begins with words of its own.", tokens: 150).Failure);
        Assert.Equal(ErrorKind.OutOfSpace, rig.Say("And this will not fit.", tokens: 700).Failure?.Kind);

        File.Delete(filler);
        Assert.Null(rig.Say("There is room again.", tokens: 100).Failure);
    }

    [Fact]
    public async Task PromptThatCannotFit_IsRefusedBeforeItIsComputed_AndNothingIsGivenUpForIt()
    {
        using var disk = Mount(8);
        using var rig = new LoopRig("tiny", Path.Combine(disk.Path, "sessions"), contextTokens: 8192);
        rig.Say("A conversation that is kept.", tokens: 200);
        await rig.SettleAsync();
        var refused = rig.Begin(Numbers(0, 1200));
        rig.Step();
        Assert.Equal(ErrorKind.OutOfSpace, refused.Failure?.Kind);
        Assert.Matches(@"needs \d+(\.\d)? MiB more, and .* has \d+(\.\d)? MiB", refused.Failure!.Value.Message);
        Assert.Empty(rig.Store.List());
        Assert.Single(rig.Table.Kept); // what there was
        Assert.Null(rig.Say("A conversation that is kept.", tokens: 20).Failure);
    }

    [Fact]
    public async Task PromptThatFitsWithoutThePromptCache_IsAnswered_AndOneThatSharesNeedsNoMore()
    {
        using var disk = Mount(8);
        using var rig = new LoopRig("tiny", Path.Combine(disk.Path, "sessions"), contextTokens: 8192);
        rig.Say(new GenerationRequest { Text = string.Join(' ', Enumerable.Range(2000, 450)) });
        rig.Say("Another one.", tokens: 200);
        await rig.SettleAsync();
        // 3 KiB a token, five tokens a number or so: this does not fit beside the first.
        var first = rig.Say(Numbers(0, 450));
        Assert.Null(first.Failure);
        Assert.InRange(first.Usage!.PromptTokens, 1500, 2200);
        await rig.SettleAsync();
        var second = rig.Say(Numbers(0, 450) with { Session = "t" });
        Assert.Null(second.Failure);
        Assert.InRange(second.Usage!.CachedTokens, 1500, 2200);
    }

    private static GenerationRequest Numbers(int from, int count) => First with { Messages = [new ChatMessage("user", string.Join(' ', Enumerable.Range(from, count)))] };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DiskFullWhenAnAnswerIsSaved_WhoRestsWithoutANameMakesRoom(bool cached)
    {
        using var disk = Mount(8);
        using var rig = new LoopRig("tiny", Path.Combine(disk.Path, "sessions"), cached: cached);
        rig.Say("A conversation that is open still.", tokens: 200);
        await rig.SettleAsync();
        var answer = rig.Begin(First, tokens: 20);
        while (answer.Tokens.Count < 10) rig.Step(); // it has room for its cells
        await rig.SettleAsync();
        disk.Fill();
        rig.Finish(answer);
        Assert.Null(answer.Failure);
        Assert.Equal(2, rig.Store.Read("s").Messages.Count);
        Assert.Single(rig.Table.Kept);
    }

    private static TinyDisk Mount(int megabytes)
    {
        var disk = TinyDisk.TryMount(megabytes);
        if (disk is null) Assert.Skip("SKIPPED: a small file system cannot be mounted here (that needs root).");
        return disk;
    }
}
