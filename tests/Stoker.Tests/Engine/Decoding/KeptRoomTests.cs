using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class KeptRoomTests
{
    private static readonly KeptRoom Room = new(Conversations: 3, DiskBytes: 100, HeapBytes: 10);

    [Fact]
    public void Leavers_TooMany_OldestGo() => Assert.Equal([3, 4], Room.Leavers([(1, 0), (1, 0), (1, 0), (1, 0), (1, 0)]));

    [Fact]
    public void Leavers_DiskFull_ThoseFromThereOn() => Assert.Equal([1, 2], Room.Leavers([(60, 0), (60, 0), (1, 0)]));

    [Fact]
    public void Leavers_HeapFull_ThoseFromThereOn() => Assert.Equal([2], Room.Leavers([(0, 5), (0, 5), (0, 1)]));

    [Fact]
    public void Leavers_ExactlyFull_NobodyGoes() => Assert.Empty(Room.Leavers([(50, 5), (50, 5)]));
}
