using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Kv;

/// <summary>Slots with the cells in memory.</summary>
public sealed class KvContextTests
{
    private static readonly KvOptions Options = new() { Mode = KvMode.Ram, ContextTokens = 1024, Slots = 2, Threads = 1, MicroBatch = 128 };

    [Theory]
    [InlineData("tiny")]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public void Attach_StateOfAnotherSlot_ContinuesBitForBit(string shape)
    {
        using var rig = new KvRig(shape, Options);
        rig.Decode(0, conversation: 1, tokens: 90);
        var captured = rig.Kv.Capture(0);
        var stayed = rig.Decode(0, conversation: 1, tokens: 1);
        rig.Decode(1, conversation: 2, tokens: 60);
        rig.Kv.Detach(1);
        rig.Kv.Detach(0);

        rig.Kv.Attach(1, null, captured.Cells, captured.State);
        Assert.Equal(90, captured.Cells);
        Assert.Equal(stayed, rig.Decode(1, conversation: 1, tokens: 1));
    }

    [Theory]
    [InlineData("tiny", 2, 5)]
    [InlineData("gemma3t", 3, 1)] // keys and values of two kinds
    [InlineData("lfm2t", 1, 4)]
    [InlineData("granitet", 4, 2)]
    public void Attach_StateOfAContextWithOtherSlots_ContinuesAsThere(string shape, int slots, int others)
    {
        using var rig = new KvRig(shape, Options with { Slots = slots });
        var slot = slots - 1;
        rig.Decode(slot, conversation: 1, tokens: 90);
        var captured = rig.Kv.Capture(slot);
        var stayed = rig.Decode(slot, conversation: 1, tokens: 1);

        using var other = new KvRig(shape, Options with { Slots = others });
        other.Kv.Attach(others / 2, null, captured.Cells, captured.State);
        Assert.Equal(stayed, other.Decode(others / 2, conversation: 1, tokens: 1));
    }

    [Theory]
    [InlineData(256L << 20, 1, 44_739_242)]
    [InlineData(256L << 20, 4, 22_369_621)]
    [InlineData(1L << 50, 1, 2_147_483_591)] // what an array holds
    public void MostStateBytes_LeavesRoomForEachSlotsOwn(long heap, int slots, long expected) => Assert.Equal(expected, Stoker.Engine.Decoding.RunnerModel.MostStateBytes(heap, slots));

    [Fact]
    public void Capture_MoreThanCanBeCopied_IsTooLargeAndTheConversationStays()
    {
        using var rig = new KvRig("tiny", Options with { MostStateBytes = 100_000 });
        rig.Decode(0, conversation: 1, tokens: 90);
        Assert.Equal(ErrorKind.TooLarge, Assert.Throws<StokerException>(() => rig.Kv.Detach(0)).Kind);
        Assert.Equal(89, rig.Kv.Context.LastPosition(0));
        Assert.True(rig.Kv.Truncate(0, 20));
        Assert.Equal(20, rig.Kv.Detach(0).Cells);
    }

    [Fact]
    public void Truncate_ThenTheSameTokens_GivesTheSameLogits()
    {
        using var rig = new KvRig("tiny", Options);
        rig.Decode(0, conversation: 1, tokens: 50);
        var first = rig.Decode(0, conversation: 1, tokens: 1);
        Assert.True(rig.Kv.Truncate(0, 50));
        Assert.Equal(first, rig.Decode(0, conversation: 1, tokens: 1));
        Assert.False(rig.Kv.Truncate(0, 52));
        Assert.True(rig.Kv.Truncate(0, 0));
        Assert.Equal(0, rig.Kv.Capture(0).Cells);
    }

    [Fact]
    public void Truncate_RecurrentState_OnlyToTheBeginning()
    {
        using var rig = new KvRig("lfm2t", Options);
        Assert.False(rig.Kv.CanTruncate);
        rig.Decode(0, conversation: 1, tokens: 50);
        Assert.False(rig.Kv.Truncate(0, 40));
        Assert.Equal(50, rig.Kv.Capture(0).Cells);
        Assert.True(rig.Kv.Truncate(0, 50));
        Assert.True(rig.Kv.Truncate(0, 0));
    }

    [Fact]
    public void Attach_NoState_IsCorruptAndTheSlotEmpty()
    {
        using var rig = new KvRig("tiny", Options);
        rig.Decode(0, conversation: 1, tokens: 10);
        var state = rig.Kv.Capture(0);
        foreach (var damaged in new[] { [], [1, 2, 3], state.State[..^1], new byte[state.State.Length] })
        {
            var error = Assert.Throws<StokerException>(() => rig.Kv.Attach(0, null, 10, damaged));
            Assert.Equal(ErrorKind.Corrupt, error.Kind);
            Assert.Equal(0, rig.Kv.Capture(0).Cells);
        }
        var other = Assert.Throws<StokerException>(() => rig.Kv.Attach(0, null, 11, state.State));
        Assert.Equal(ErrorKind.Corrupt, other.Kind);
    }

    [Fact]
    public void Attach_MoreThanTheContextHolds_IsRefused()
    {
        using var rig = new KvRig("tiny", Options);
        var error = Assert.Throws<StokerException>(() => rig.Kv.Attach(0, null, 1025, ReadOnlyMemory<byte>.Empty));
        Assert.Equal(ErrorKind.ContextOverflow, error.Kind);
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Kv.Capture(2));
    }
}
