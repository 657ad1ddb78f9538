using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class KeptRoomTests
{
    private static readonly KeptRoom Room = new(Conversations: 3, DiskBytes: 100, HeapBytes: 10) { UnnamedBytes = 40 };
    private static ulong _inodes;

    [Fact]
    public void Leavers_TooMany_OldestGo() => Assert.Equal([3, 4], Room.Leavers([Named(1), Named(1), Named(1), Named(1), Named(1)]));

    [Fact]
    public void Leavers_DiskFull_ThoseFromThereOn() => Assert.Equal([1, 2], Room.Leavers([Named(60), Named(60), Named(1)]));

    [Fact]
    public void Leavers_HeapFull_ThoseFromThereOn() => Assert.Equal([2], Room.Leavers([Named(0, heap: 5), Named(0, heap: 5), Named(0, heap: 1)]));

    [Fact]
    public void Leavers_ExactlyFull_NobodyGoes() => Assert.Empty(Room.Leavers([Named(50, heap: 5), Named(50, heap: 5)]));

    [Fact]
    public void Leavers_CellsThatAllShare_CountOnce()
    {
        (ulong, long) shared = (1_000_000, 35);
        var forks = Enumerable.Range(0, 3).Select(_ => Unnamed(1) with { Files = [shared, (++_inodes, 1)] }).ToArray();
        Assert.Empty(Room.Leavers(forks));
        // Also where the one that wrote them has more of them, or has left.
        Assert.Empty(Room.Leavers([forks[0], forks[1], Unnamed(0) with { Files = [(1_000_000, 38)] }]));
        Assert.Equal([2], Room.Leavers([forks[0], forks[1], Unnamed(0) with { Files = [(1_000_000, 39)] }]));
    }

    [Fact]
    public void Leavers_SmallPromptCache_LeavesThoseWithANameAlone()
    {
        Assert.Equal([1], Room.Leavers([Named(50), Unnamed(41), Named(9)]));
        Assert.Empty(Room.Leavers([Unnamed(40), Named(60)]));
    }

    private static KeptSize Named(long bytes, long heap = 0) => new([(++_inodes, bytes)], heap, IsNamed: true);

    private static KeptSize Unnamed(long bytes) => new([(++_inodes, bytes)], 0, IsNamed: false);
}
