namespace Stoker.Tests.Engine.Decoding;

/// <summary>Something goes wrong with one conversation, beside the guard of its answer: the others go on.</summary>
public sealed class SlotFaultTests : IDisposable
{
    private const string Opening = "Once upon a time there was a program that kept every conversation where it could be found again, and the next morning";
    private const int Tokens = 40;

    private readonly TempFolder _folder = new();
    private readonly HashSet<(string Way, int Slot)> _broken = [];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Reserve")]
    [InlineData("Reserve", "Empty")] // and letting it go fails too
    public void Step_NoRoomIsMadeForOne_ItsAnswerAloneEnds(params string[] ways)
    {
        using var rig = Rig("tiny");
        var (one, other) = (rig.Begin("Something quite different.", Tokens), rig.Begin(Opening, Tokens));
        rig.Step();
        foreach (var way in ways) _broken.Add((way, 0));
        rig.Finish(one, other);
        Assert.Contains("Reserve of slot 0", one.Failure?.Message);
        Assert.Null(other.Failure);
        Assert.Equal(Tokens, other.Tokens.Count);
        _broken.Clear();
        Assert.Null(rig.Say("Something quite different again.").Failure); // the slot is of use
    }

    [Theory]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public void Step_NoStateToReturnToCanBeHad_TheAnswerGoesOn(string shape)
    {
        using var rig = Rig(shape);
        _broken.Add(("Capture", 0));
        var (one, other) = (rig.Begin("Something quite different.", Tokens), rig.Begin(Opening, Tokens));
        rig.Step();
        rig.Step();
        _broken.Clear();
        rig.Finish(one, other);
        Assert.Null(one.Failure);
        Assert.Null(other.Failure);
    }

    [Fact]
    public void Step_OneAtRestCannotLeaveItsSlot_ItIsGivenUpAndTheAnswerGoesOn()
    {
        using var rig = Rig("tiny", idleAfter: TimeSpan.Zero);
        var other = rig.Begin(Opening, Tokens);
        rig.Step();
        rig.Finish(rig.Begin("Something quite different.", tokens: 1));
        _broken.Add(("Capture", 1));
        rig.Step();
        Assert.Single(rig.Table.Kept); // the one that answers
        _broken.Clear();
        rig.Finish(other);
        Assert.Null(other.Failure);
        Assert.Equal(Tokens, other.Tokens.Count);
    }

    [Theory]
    [InlineData("Attach", 1)]
    [InlineData("Capture", 2)]
    public void Step_OneCannotBeMovedBesideTheOthers_ItsAnswerAloneEnds(string way, int slot)
    {
        using var rig = Rig("tiny");
        LoopRig.Listener[] three = [rig.Begin(Opening, Tokens), rig.Begin("Something quite different.", tokens: 4), rig.Begin("And a third conversation.", Tokens)];
        rig.Step();
        _broken.Add((way, slot));
        rig.Finish(three);
        Assert.Null(three[0].Failure);
        Assert.Null(three[1].Failure);
        Assert.Contains($"{way} of slot {slot}", three[2].Failure?.Message);
        Assert.Equal(Tokens, three[0].Tokens.Count);
    }

    [Fact]
    public void Step_ADefectBesideEveryGuard_EndsWhoIsAnsweredAndNotWhoWaits()
    {
        using var rig = Rig("tiny");
        LoopRig.Listener[] answered = [rig.Begin(Opening, Tokens), rig.Begin("Something quite different.", Tokens), rig.Begin("And a third conversation.", Tokens)];
        rig.Step();
        var waiting = rig.Begin("This one waits for a slot.", Tokens);
        _broken.Add(("Trim", 1));
        rig.Finish(answered);
        Assert.All(answered, static answer => Assert.Contains("Trim of slot 1", answer.Failure?.Message));
        _broken.Clear();
        rig.Finish(waiting);
        Assert.Null(waiting.Failure);
        Assert.Equal(Tokens, waiting.Tokens.Count);
    }

    private LoopRig Rig(string shape, TimeSpan? idleAfter = null) => new(shape, _folder.Path, slots => new FaultySlots(slots, (way, slot) => _broken.Contains((way, slot))), idleAfter);
}
