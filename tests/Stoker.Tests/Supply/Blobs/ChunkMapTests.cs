using System.Security.Cryptography;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Blobs;

public sealed class ChunkMapTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(Chunk.SizeBytes, 1)]
    [InlineData(Chunk.SizeBytes + 1L, 2)]
    [InlineData(Chunk.SizeBytes * 1000L, 1000)]
    public void ToBytes_ThenParse_GivesTheSame(long size, int count)
    {
        var map = Map(size, seed: 1);
        Assert.Equal(count, map.Chunks.Count);
        Assert.True(ChunkMap.TryParse(map.ToBytes(), out var read, out _));
        Assert.Equal(map.Digest, read.Digest);
        Assert.Equal(map.SizeBytes, read.SizeBytes);
        Assert.Equal(map.Chunks, read.Chunks);
    }

    [Fact]
    public void TryParse_TruncatedAtEveryByte_IsRefusedWithAReason()
    {
        var bytes = Map(3L * Chunk.SizeBytes, seed: 2).ToBytes();
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.False(ChunkMap.TryParse(bytes.AsSpan(0, length), out _, out var reason));
            Assert.NotEmpty(reason);
        }
    }

    [Fact]
    public void TryParse_AnyBitFlipped_IsRefused()
    {
        var bytes = Map((2L * Chunk.SizeBytes) + 5, seed: 3).ToBytes();
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(ChunkMap.TryParse(bytes, out _, out _));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void TryParse_HugeCount_AllocatesNothingForIt()
    {
        var bytes = Map(Chunk.SizeBytes, seed: 4).ToBytes();
        bytes.AsSpan(12, 4).Fill(0x7F);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(ChunkMap.TryParse(bytes, out _, out _));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4096);
    }

    internal static ChunkMap Map(long size, int seed)
    {
        var random = new Random(seed);
        var hash = new byte[32];
        var chunks = Enumerable.Range(0, Chunk.CountOf(size)).Select(_ =>
        {
            random.NextBytes(hash);
            return new ChunkSums(ChunkHash.Read(hash), (uint)random.NextInt64(uint.MaxValue));
        });
        return new ChunkMap(Digest.FromBytes(SHA256.HashData(BitConverter.GetBytes(seed))), size, [.. chunks]);
    }
}
