using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

public sealed class ContinuationTests
{
    private static readonly ChatMessage Question = new("user", "Why?");

    private static readonly SessionSnapshot BrokenOff = new()
    {
        Tokens = [1, 2, 3, 4, 5],
        SamplerState = new byte[] { 9, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0 },
        Messages = [Question, new ChatMessage("assistant", "Because")],
        Answer = new KeptAnswer
        {
            Messages = 1, FirstToken = 3, Next = 6, Sampling = new SamplingOptions { Temperature = 0.5f, TopK = 7 }, Stop = ["END"], Grammar = "root ::= .", TokensLeft = 11, ChatTemplate = "chatml",
        },
    };

    [Fact]
    public void BrokenOff_GoesOnWithItsTokensAndAllThatItBeganWith()
    {
        var going = Of(BrokenOff);
        Assert.Equal([1, 2, 3, 4, 5, 6], going.Tokens);
        Assert.Equal([4, 5, 6], going.OwnTokens);
        Assert.Equal([Question], going.Before);
        Assert.Equal(("Because", 0, true, true), (going.Text, going.TextBefore, going.HoldsBack, going.FollowsGrammar));
        Assert.Equal((9u, 4L), going.Drawn);
        Assert.Equal(BrokenOff.Answer!.Sampling, going.Request.Sampling);
        Assert.Equal(("root ::= .", 11, "chatml"), (going.Request.Grammar, going.Request.MaxTokens, going.Request.ChatTemplate));
        Assert.Equal(["END"], going.Request.Stop);
    }

    [Fact]
    public void BrokenOff_WhatIsAskedNow_Wins()
    {
        var going = Of(BrokenOff, new GenerationRequest { Session = "s", Continue = true, Stop = ["X"], Grammar = "root ::= \"a\"", MaxTokens = 3, Sampling = new SamplingOptions { TopK = 1, Seed = 8 } });
        Assert.Equal(new SamplingOptions { Temperature = 0.5f, TopK = 1, Seed = 8 }, going.Request.Sampling);
        Assert.Equal(("root ::= \"a\"", 3), (going.Request.Grammar, going.Request.MaxTokens));
        Assert.Equal(["X"], going.Request.Stop);
        Assert.False(going.HoldsBack);
        Assert.False(going.FollowsGrammar);
        Assert.Null(going.Drawn);
        Assert.Equal((9u, 4L), Of(BrokenOff, Again with { Sampling = new SamplingOptions { Seed = 9 } }).Drawn);
    }

    [Fact]
    public void AtItsLength_AllWasTold()
    {
        var going = Of(With(BrokenOff.Answer! with { End = FinishReason.Length, TokensLeft = null }));
        Assert.Equal(6, going.Tokens.Count);
        Assert.False(going.HoldsBack);
        Assert.Null(going.Request.MaxTokens);
    }

    [Fact]
    public void Complete_OrNothing_IsRefused()
    {
        Refused(With(BrokenOff.Answer! with { End = FinishReason.Stop }));
        Refused(BrokenOff with { Answer = null, Messages = [] });
        Refused(BrokenOff with { Answer = null, Messages = [new ChatMessage("assistant", "Hello")] });
    }

    [Fact]
    public void NoAnswerBegun_TheMessageIsAnswered()
    {
        var going = Of(BrokenOff with { Answer = null, Messages = [Question] }, Again with { ModelSampling = new SamplingOptions { TopK = 3 }, ModelStop = ["M"] });
        Assert.Equal(("", 0), (going.Text, going.Tokens.Count));
        Assert.Equal([Question], going.Before);
        Assert.Equal(3, going.Request.Sampling.TopK);
        Assert.Equal(["M"], going.Request.Stop);
    }

    [Fact]
    public void OlderSnapshot_GoesOnFromText()
    {
        var going = Of(BrokenOff with { Answer = null });
        Assert.Equal(("Because", 7, 0), (going.Text, going.TextBefore, going.Tokens.Count));
        Assert.Equal([Question], going.Before);
        Assert.Null(going.Drawn);
    }

    [Fact]
    public void LostCells_GoesOnFromText_AsItBegan()
    {
        var going = Of(With(BrokenOff.Answer! with { Next = null }));
        Assert.Empty(going.Tokens);
        Assert.Equal(("Because", 7, true), (going.Text, going.TextBefore, going.FollowsGrammar));
        Assert.Equal(11, going.Request.MaxTokens);
    }

    [Theory]
    [InlineData(1, 3, -1, 0)]
    [InlineData(1, 3, 10, 0)]
    [InlineData(1, 6, 6, 0)]
    [InlineData(1, -1, 6, 0)]
    [InlineData(-1, 3, 6, 0)]
    [InlineData(int.MaxValue, 3, 6, 0)]
    [InlineData(0, 3, 6, 0)]
    [InlineData(1, 3, 6, 8)]
    [InlineData(2, 3, 6, 1)]
    [InlineData(1, 3, 6, -1)]
    public void Nonsense_GoesOnFromText(int messages, int firstToken, int next, int textBefore)
    {
        var going = Of(With(new KeptAnswer { Messages = messages, FirstToken = firstToken, Next = next, TextBefore = textBefore }));
        Assert.Empty(going.Tokens);
        Assert.Equal(("Because", 7), (going.Text, going.TextBefore));
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f })]
    public void RandomStateThatIsNone_IsANewOne(byte[] state) => Assert.Null(Of(BrokenOff with { SamplerState = state }).Drawn);

    private static GenerationRequest Again => new() { Session = "s", Continue = true };

    private static SessionSnapshot With(KeptAnswer answer) => BrokenOff with { Answer = answer };

    private static Continuation Of(SessionSnapshot kept, GenerationRequest? request = null) => Continuation.Of(kept, request ?? Again, vocabularySize: 10);

    private static void Refused(SessionSnapshot kept) => Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => Of(kept)).Kind);
}
