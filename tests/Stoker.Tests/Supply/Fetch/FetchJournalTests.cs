using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class FetchJournalTests
{
    private static readonly JournalHeader Header = new() { SizeBytes = 10L * Chunk.SizeBytes, ETag = "\"v1\"", Sha256 = new string('a', 64) };

    [Fact]
    public void Read_WhatWasWritten_GivesItBack()
    {
        var bytes = Journal(10);
        var content = FetchJournal.Read(bytes)!;
        Assert.Equal(Header, content.Header);
        Assert.Equal(Enumerable.Range(0, 10), content.Chunks.Select(static chunk => chunk.Index));
        Assert.Equal(bytes.Length, content.SoundBytes);
    }

    [Fact]
    public void Read_CutAtEveryByte_KeepsTheWholeRecordsBeforeTheCut()
    {
        var bytes = Journal(10);
        var headerBytes = FetchJournal.Header(Header).Length;
        var record = (bytes.Length - headerBytes) / 10;
        for (var length = 0; length < bytes.Length; length++)
        {
            var content = FetchJournal.Read(bytes.AsSpan(0, length));
            if (length < headerBytes) { Assert.Null(content); continue; }
            Assert.Equal((length - headerBytes) / record, content!.Chunks.Count);
            Assert.Equal(headerBytes + (content.Chunks.Count * record), content.SoundBytes);
        }
    }

    [Fact]
    public void Read_ZeroedTail_IsDropped()
    {
        var bytes = Journal(10);
        var keep = FetchJournal.Read(Journal(4))!.SoundBytes;
        for (var from = keep; from < keep + 44; from++)
        {
            var torn = bytes.ToArray();
            torn.AsSpan(from).Clear();
            var content = FetchJournal.Read(torn)!;
            Assert.InRange(content.Chunks.Count, 4, 5);
            Assert.True(content.SoundBytes <= from + 44);
        }
    }

    [Fact]
    public void Read_AnyBitFlipped_NeverGivesAWrongRecord()
    {
        var bytes = Journal(3);
        var whole = FetchJournal.Read(bytes)!.Chunks.ToDictionary(static chunk => chunk.Index);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            if (FetchJournal.Read(bytes) is { } content)
                Assert.All(content.Chunks, chunk => Assert.Equal(whole[chunk.Index], chunk));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Read_SameChunkTwice_TheLaterCounts()
    {
        byte[] bytes = [.. FetchJournal.Header(Header), .. FetchJournal.Chunks([new JournaledChunk(2, default), new JournaledChunk(2, new ChunkSums(default, 7))])];
        Assert.Equal(7u, Assert.Single(FetchJournal.Read(bytes)!.Chunks).Sums.Crc32C);
    }

    [Fact]
    public void Read_ChunkBeyondTheBlob_EndsThere()
    {
        byte[] bytes = [.. FetchJournal.Header(Header), .. FetchJournal.Chunks([new JournaledChunk(10, default)])];
        Assert.Empty(FetchJournal.Read(bytes)!.Chunks);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    public void Read_Noise_IsNothing(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        Assert.Null(FetchJournal.Read(noise));
    }

    private static byte[] Journal(int chunks) =>
    [
        .. FetchJournal.Header(Header),
        .. FetchJournal.Chunks([.. ChunkMapTestSums(chunks).Select(static (sums, index) => new JournaledChunk(index, sums))]),
    ];

    private static IEnumerable<ChunkSums> ChunkMapTestSums(int count) => Blobs.ChunkMapTests.Map((long)count * Chunk.SizeBytes, seed: count).Chunks;
}
