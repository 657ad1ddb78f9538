using Stoker.Core.Models;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>Damaged files become whole from whatever has their chunks; what a copy says it is decides nothing.</summary>
public sealed class BlobRepairTests
{
    [Fact]
    public async Task Repair_CopiesHereThatAreDamagedAndCut_GiveWhatIsSoundAndTheRestIsFetched()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var file = home.Described("f.bin", content);
        await DamageAsync(home, file, 1, 3, 5);
        using var scratch = new TempFolder();
        var copy = (byte[])content.Clone();
        copy[(3 * Chunk.SizeBytes) + 1] ^= 1;
        File.WriteAllBytes(scratch.File("damaged.bin"), copy[..^1]);
        File.WriteAllText(scratch.File("other.bin"), "something else");

        var mended = await RepairAsync(home, file, scratch.File("other.bin"), scratch.File("damaged.bin"), scratch.File("absent"), "/dev/null", scratch.Path);

        Assert.Equal((3, 1), (mended.Chunks, mended.LocalChunks));
        Assert.Equal([scratch.File("damaged.bin")], mended.Places);
        Assert.Equal(Chunk.SizeBytes + Chunk.LengthOf(5, content.Length), home.SentBytes);
        AssertSound(home, content);
        Assert.Equal(copy[..^1], File.ReadAllBytes(scratch.File("damaged.bin")));
    }

    [Fact]
    public async Task Repair_AFolderThatHasTheFile_AsksNobody()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var file = home.Described("f.bin", content) with { Origins = [new Uri("http://127.0.0.1:1/f.bin")] };
        await DamageAsync(home, home.Described("f.bin", content), 0, 4);
        using var scratch = new TempFolder();
        File.WriteAllBytes(scratch.File("f.bin"), content);

        var mended = await RepairAsync(home, file, scratch.Path);
        Assert.Equal((2, 2), (mended.Chunks, mended.LocalChunks));
        Assert.Equal(0, home.SentBytes);
        AssertSound(home, content);

        File.Delete(Assert.Single(home.BlobFiles())); // and all of it, by whatever the file system has for that
        Assert.Equal((6, 6), await RepairAsync(home, file, scratch.Path) is var whole ? (whole.Chunks, whole.LocalChunks) : default);
        AssertSound(home, content);
    }

    [Fact]
    public async Task Repair_WithoutAMap_TakesTheWholeFromACopyHere()
    {
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin");
        var file = home.Described("f.bin", content);
        await DamageAsync(home, file, 2);
        Directory.Delete(Path.Combine(home.Home, "maps"), recursive: true);
        using var scratch = new TempFolder();
        File.WriteAllBytes(scratch.File("mine"), content);
        Assert.Equal((6, 6), await RepairAsync(home, file, scratch.File("mine")) is var mended ? (mended.Chunks, mended.LocalChunks) : default);
        Assert.Equal(0, home.SentBytes);
        AssertSound(home, content);
    }

    private static async Task DamageAsync(FetchHome home, ManifestFile file, params int[] chunks)
    {
        (await home.FetchAsync(file)).Dispose();
        var path = Assert.Single(home.BlobFiles());
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using var edit = new FileStream(path, FileMode.Open);
        foreach (var chunk in chunks)
        {
            edit.Position = Chunk.Offset(chunk) + 17;
            var was = edit.ReadByte();
            edit.Position--;
            edit.WriteByte((byte)(was ^ 0x10));
        }
        home.Hub.Stats.Clear();
    }

    private static async Task<RepairedFile> RepairAsync(FetchHome home, ManifestFile file, params string[] copies)
    {
        using var supply = new FileSupply(home.Home, home.Options, home.Sources with { Copies = new NamedCopies(copies) });
        var found = supply.Verify(new ModelManifest { Name = "m", Source = ModelSourceKind.Url, Files = [file] }, file, static _ => { }, CancellationToken.None);
        return await supply.RepairAsync(found, home.Access, static _ => { }, TestContext.Current.CancellationToken);
    }

    private static void AssertSound(FetchHome home, byte[] content)
    {
        Assert.True(File.ReadAllBytes(Assert.Single(home.BlobFiles())).AsSpan().SequenceEqual(content), "the blob differs");
        Assert.Empty(home.PartialFiles());
    }
}
