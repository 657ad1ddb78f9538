using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Tests.Supply;

namespace Stoker.Tests.Engine.Sessions;

public sealed class KvFileTests
{
    private const int Cells = 100; // end in the middle of a page

    [Fact]
    public void Fork_FullDisk_IsToldAsSuch()
    {
        using var disk = Mount();
        using var chain = Chain(disk);
        using var own = KvFile.CreateUnnamed(disk.Path, Canary.Layout);
        Fill(disk);
        Assert.Equal(ErrorKind.OutOfSpace, Assert.Throws<StokerException>(() => chain.Fork(Cells, own.Share(), Canary.Layout)).Kind);
    }

    [Fact]
    public void Fork_FullDisk_WhatCanGoGoesFirst()
    {
        using var disk = Mount();
        using var chain = Chain(disk);
        var own = KvFile.CreateUnnamed(disk.Path, Canary.Layout);
        var room = new Filler(Fill(disk));
        own.Room = room;
        using var fork = chain.Fork(Cells, own, Canary.Layout);
        Assert.False(File.Exists(room.Path));
        foreach (var region in Canary.Layout.Regions)
        {
            var read = new byte[Cells * region.RowBytes];
            ChainCells.Read(fork, Canary.Layout, region, 0, read);
            Assert.All(read, static value => Assert.Equal(7, value));
        }
    }

    public static TheoryData<Exception> Quota => [new LibcException("fallocate", "x", 122), new IOException("Disk quota exceeded", 122)];

    [Theory]
    [MemberData(nameof(Quota))]
    public void QuotaUsedUp_IsAFullDisk(Exception refused)
    {
        Assert.True(KvFile.IsFull(refused)); // so that what can go goes first
        var told = KvFile.ToStoker(refused, "/home/kv-1", 1);
        Assert.Equal(ErrorKind.OutOfSpace, told.Kind);
        Assert.Contains("quota", told.Message);
        Assert.Contains("1 KiB", told.Message);
    }

    private static KvChain Chain(TinyDisk disk)
    {
        var file = KvFile.CreateUnnamed(disk.Path, Canary.Layout);
        file.Reserve(Canary.Layout, 0, Cells);
        foreach (var region in Canary.Layout.Regions) file.Write(region.FileOffset, Enumerable.Repeat((byte)7, Cells * region.RowBytes).ToArray());
        return new KvChain([], file);
    }

    private static string Fill(TinyDisk disk)
    {
        var path = Path.Combine(disk.Path, "filler");
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        try
        {
            for (var at = 0L; ; at += 4096) RandomAccess.Write(file, new byte[4096], at);
        }
        catch (IOException)
        {
            return path;
        }
    }

    private static TinyDisk Mount()
    {
        var disk = TinyDisk.TryMount(4);
        if (disk is null) Assert.Skip("SKIPPED: a small file system cannot be mounted here (that needs root).");
        return disk;
    }

    private sealed class Filler(string path) : IKvRoom
    {
        public string Path => path;

        public long CachedBytes => File.Exists(path) ? new FileInfo(path).Length : 0;

        public void Claim(long bytes)
        {
        }

        public bool TryFree(long bytes)
        {
            if (!File.Exists(path)) return false;
            File.Delete(path);
            return true;
        }
    }
}
