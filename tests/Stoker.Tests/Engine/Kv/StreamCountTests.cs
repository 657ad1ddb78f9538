using System.Buffers.Binary;
using Stoker.Engine.Kv;

namespace Stoker.Tests.Engine.Kv;

/// <summary>States as llama.cpp writes them, for contexts with other numbers of streams.</summary>
public sealed class StreamCountTests
{
    [Theory]
    [InlineData(1, 0, 4, 1)]
    [InlineData(4, 3, 1, 1)]
    [InlineData(4, 0, 7, 2)]
    [InlineData(2, 1, 2, 2)]
    [InlineData(3, -1, 2, 2)] // no cells
    public void Change_OneStreamWithCells_StaysTheOnlyOne(int slots, int slot, int streams, int caches)
    {
        var changed = StreamCount.Change(State(slots, slot, caches), streams, caches);
        Assert.Equal(State(streams, slot < 0 ? slot : 0, caches), slots == streams ? StreamCount.Change(StreamCount.Change(changed, 9, caches), streams, caches) : changed);
    }

    [Fact]
    public void Change_AsManyStreams_IsTheStateItself()
    {
        var state = State(3, 2, 2);
        Assert.True(state.AsMemory().Equals(StreamCount.Change(state, 3, 2)));
        Assert.True(state.AsMemory().Equals(StreamCount.Change(state, 5, caches: 0)));
    }

    [Fact]
    public void Change_100000RandomChanges_NeverReadsBeyondTheState()
    {
        const int seed = 20261122;
        var random = new Random(seed);
        var whole = State(3, 1, 2);
        var refused = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var state = whole[..random.Next(random.Next(4) == 0 ? whole.Length : whole.Length - 1, whole.Length)].ToArray();
            for (var n = random.Next(1, 4); n > 0; n--) state[random.Next(state.Length)] = random.Next(3) == 0 ? (byte)255 : (byte)random.Next(4);
            var changed = StreamCount.Change(state, 2, 2);
            if (changed.Equals(state)) refused++;
            else Assert.True(changed.Length <= state.Length + 16, $"seed {seed}, input {i}: {changed.Length}");
        }
        Assert.InRange(refused, 1000, 99_000);
    }

    // Two layers with rows of 6 and 4 bytes, five cells, and what a recurrent part would add.
    private static byte[] State(int slots, int slot, int caches)
    {
        const int cells = 5;
        var bytes = new List<byte>();
        void Put(uint value)
        {
            var four = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(four, value);
            bytes.AddRange(four);
        }
        Put(0xaf143cd8);
        Put(1);
        for (var cache = 0; cache < caches; cache++)
        {
            Put((uint)slots);
            for (var stream = 0; stream < slots; stream++)
            {
                Put(stream == slot ? cells : 0u);
                if (stream != slot) continue;
                for (var cell = 0u; cell < cells; cell++)
                {
                    Put(cell);
                    Put(1);
                    Put(7);
                }
                Put(0);
                Put(2);
                foreach (var rowBytes in new[] { 6, 6, 4, 4 })
                {
                    Put(1);
                    Put((uint)rowBytes);
                    Put(0);
                    bytes.AddRange(Enumerable.Range(0, cells * rowBytes).Select(static i => (byte)i));
                }
            }
        }
        bytes.AddRange([9, 8, 7]);
        return [.. bytes];
    }
}
