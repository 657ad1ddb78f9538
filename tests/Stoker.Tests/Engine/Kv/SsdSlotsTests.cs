using System.Diagnostics;
using System.Globalization;
using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Tests.Engine.Kv;

/// <summary>
/// Cells in files. Everything is compared by hashes of whole rows of logits: bit for bit, with the same batches and threads. The
/// models' attention norms are scaled, so that another conversation's cells would show.
/// </summary>
public sealed class SsdSlotsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string, KvType> Kinds => new()
    {
        { "tiny", KvType.F16 },
        { "tiny", KvType.Q8 },
        { "tiny", KvType.Q4 },
        { "trained", KvType.F16 },
        { "gemma3t", KvType.F16 },
        { "gemma3t", KvType.Q8 },
        { "lfm2t", KvType.F16 },
        { "granitet", KvType.F16 },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decode_InFiles_GivesTheLogitsOfMemory(string shape, KvType type)
    {
        using var ram = new KvRig(shape, Options(KvMode.Ram, type));
        using var ssd = new KvRig(shape, Options(KvMode.Ssd, type));
        Assert.Equal(KvMode.Ssd, ssd.Kv.Mode);
        using var first = ssd.NewChain(_folder.Path);
        using var second = ssd.NewChain(_folder.Path);
        ssd.Kv.Attach(0, first, 0, ReadOnlyMemory<byte>.Empty);
        ssd.Kv.Attach(1, second, 0, ReadOnlyMemory<byte>.Empty);
        Assert.Equal(Play(ram), Play(ssd));
        Assert.True(ssd.Kv.Capture(0).Cells > 512 + 100, "The sliding window must have moved on.");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Attach_ToAnotherSlotWhileOthersDecode_ContinuesBitForBit(string shape, KvType type)
    {
        using var stayed = new KvRig(shape, Options(KvMode.Ssd, type));
        using var moved = new KvRig(shape, Options(KvMode.Ssd, type));
        Assert.Equal(Leave(stayed, really: false), Leave(moved, really: true));
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("gemma3t")]
    public void Fork_SharesWholePagesAndBothGoOn_AsTwoConversationsWould(string shape)
    {
        using var rig = new KvRig(shape, Options(KvMode.Ssd, KvType.F16));
        using var parent = rig.NewChain(_folder.Path);
        rig.Kv.Attach(0, parent, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 601);
        using var child = parent.Fork(601, KvFile.CreateUnnamed(_folder.Path, rig.Kv.Layout!), rig.Kv.Layout!);
        rig.Kv.Attach(1, child, 601, ReadOnlyMemory<byte>.Empty);
        var both = rig.Decode([(0, 2), (1, 3)], 1);
        both = [.. both, .. rig.Decode([(0, 2), (1, 3)], 5)];

        using var plain = new KvRig(shape, Options(KvMode.Ram, KvType.F16));
        plain.Decode(0, conversation: 1, tokens: 601);
        plain.Decode(1, conversation: 1, tokens: 601);
        Assert.Equal([.. plain.Decode([(0, 2), (1, 3)], 1), .. plain.Decode([(0, 2), (1, 3)], 5)], both);

        // The child's file holds its own cells and one mixed page a region, not the parent's 601.
        var childBytes = Allocated(child.Own);
        Assert.InRange(childBytes, 1, Allocated(parent.Own) / 4);
    }

    [Fact]
    public void Remap_ParentGoesBackBelowAFork_NeitherSeesTheOthersCells()
    {
        using var rig = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        var parent = rig.NewChain(_folder.Path);
        rig.Kv.Attach(0, parent, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 300);
        using var child = parent.Fork(300, KvFile.CreateUnnamed(_folder.Path, rig.Kv.Layout!), rig.Kv.Layout!);
        Assert.True(rig.Kv.Truncate(0, 201));
        using var edited = ChainCut.Back(parent, rig.Kv.Layout!, 201, () => KvFile.CreateUnnamed(_folder.Path, rig.Kv.Layout!));
        Assert.NotSame(parent, edited);
        rig.Kv.Remap(0, edited);
        parent.Dispose();
        var ofParent = rig.Decode(0, conversation: 2, tokens: 120);
        rig.Kv.Attach(1, child, 300, ReadOnlyMemory<byte>.Empty);
        var ofChild = rig.Decode(1, conversation: 1, tokens: 20);
        // Below what is shared nothing can be written; a chain that was cut there is needed first.
        Assert.True(rig.Kv.Truncate(1, 250));
        Assert.Throws<InvalidOperationException>(() => rig.Kv.Reserve(1, 251));

        using var plain = new KvRig("tiny", Options(KvMode.Ram, KvType.F16));
        plain.Decode(0, conversation: 1, tokens: 300);
        var state = plain.Kv.Capture(0);
        Assert.True(plain.Kv.Truncate(0, 201));
        Assert.Equal(plain.Decode(0, conversation: 2, tokens: 120), ofParent);
        plain.Kv.Attach(1, null, state.Cells, state.State);
        Assert.Equal(plain.Decode(1, conversation: 1, tokens: 20), ofChild);
    }

    [Fact]
    public void Remap_OwnFileBeginsEarlierNow_ItsHolesGetBlocksBeforeTheyAreWritten()
    {
        using var rig = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        using var parent = rig.NewChain(_folder.Path);
        rig.Kv.Attach(0, parent, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 600);
        using var child = parent.Fork(600, KvFile.CreateUnnamed(_folder.Path, rig.Kv.Layout!), rig.Kv.Layout!);
        rig.Kv.Attach(1, child, 600, ReadOnlyMemory<byte>.Empty);
        rig.Decode(1, conversation: 1, tokens: 40);

        Assert.True(rig.Kv.Truncate(1, 201));
        using var edited = ChainCut.Back(child, rig.Kv.Layout!, 201, () => throw new InvalidOperationException("Its own file is nobody else's."));
        rig.Kv.Remap(1, edited);
        var before = Allocated(edited.Own);
        rig.Kv.Reserve(1, 500);
        // But for a page or two of each region, which it had.
        var pages = rig.Kv.Layout!.Regions.Count * 2L * rig.Kv.Layout.PageSizeBytes;
        Assert.InRange(Allocated(edited.Own) - before, (rig.Kv.Layout.CellBytes * (500 - 201)) - pages, long.MaxValue);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("gemma3t")]
    public void Truncate_AfterARestore_GivesTheSameLogitsAgain(string shape)
    {
        using var rig = new KvRig(shape, Options(KvMode.Ssd, KvType.F16));
        using var chain = rig.NewChain(_folder.Path);
        rig.Kv.Attach(0, chain, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 640);
        var expected = rig.Decode(0, conversation: 1, tokens: 7);
        rig.Decode(0, conversation: 1, tokens: 30);
        var state = rig.Kv.Detach(0);
        rig.Kv.Attach(1, chain, state.Cells, state.State);
        Assert.True(rig.Kv.Truncate(1, 640));
        Assert.Equal(expected, rig.Decode(1, conversation: 1, tokens: 7));
    }

    [Theory]
    [InlineData("tiny", null)]
    [InlineData("tiny", 65_536)] // what leaves fills whole blocks of page tables: it is set aside
    [InlineData("gemma3t", null)]
    [InlineData("lfm2t", null)]
    public void Attach_InTurnsWithAShorterOneInTheSameSlot_ContinuesBitForBit(string shape, int? contextTokens)
    {
        var options = Options(KvMode.Ssd, KvType.F16);
        using var rig = new KvRig(shape, options with { ContextTokens = contextTokens ?? options.ContextTokens });
        KvChain[] chains = [rig.NewChain(_folder.Path), rig.NewChain(_folder.Path)];
        var states = new KvState[2];
        var inTurns = Turns((conversation, tokens) =>
        {
            rig.Kv.Attach(0, chains[conversation], states[conversation].Cells, states[conversation].State);
            var hash = rig.Decode(0, conversation, tokens);
            states[conversation] = rig.Kv.Detach(0);
            Assert.Equal(0, rig.Kv.Capture(0).Cells);
            Assert.False(rig.Kv.Truncate(0, 1));
            return hash;
        });
        foreach (var chain in chains) chain.Dispose();

        using var plain = new KvRig(shape, Options(KvMode.Ram, KvType.F16));
        Assert.Equal(Turns((conversation, tokens) => plain.Decode(conversation, conversation, tokens)), inTurns);

        static IReadOnlyList<string> Turns(Func<int, int, string> turn) =>
            [turn(0, 400), turn(1, 150), turn(0, 5), turn(1, 5), turn(1, 7), turn(0, 300), turn(1, 1)];
    }

    [Theory]
    [InlineData("tiny", 100)]
    [InlineData("tiny", 301)]
    [InlineData("tiny", 900)]
    [InlineData("gemma3t", 900)]
    [InlineData("lfm2t", 301)]
    public void Prepare_ShorterLongerOrAsLong_TheConversationGoesOnBitForBit(string shape, int prepared)
    {
        using var rig = new KvRig(shape, Options(KvMode.Ssd, KvType.F16));
        using var chain = rig.NewChain(_folder.Path);
        rig.Kv.Prepare(0, prepared);
        rig.Kv.Attach(0, chain, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 301);
        var state = rig.Kv.Capture(0);
        rig.Kv.Prepare(0, prepared); // somebody is in it
        var expected = rig.Decode(0, conversation: 1, tokens: 1);
        rig.Kv.Empty(0);
        rig.Kv.Prepare(1, prepared);
        Assert.Equal(0, rig.Kv.Capture(1).Cells);
        rig.Kv.Attach(1, chain, state.Cells, state.State);
        Assert.Equal(expected, rig.Decode(1, conversation: 1, tokens: 1));
    }

    [Fact]
    public void Attach_PagesOnTheDiskOnly_ReadsThoseOfTheConversationAndNotBeyond()
    {
        using var rig = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        var path = Path.Combine(_folder.Path, "cold");
        using var chain = new KvChain([], KvFile.Create(path, rig.Kv.Layout!));
        rig.Kv.Attach(0, chain, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, tokens: 90);
        var state = rig.Kv.Capture(0);
        var expected = rig.Decode(0, conversation: 1, tokens: 1);
        rig.Kv.Detach(0);
        RandomAccess.FlushToDisk(chain.Own.Handle);
        Files.DropFromPageCache(chain.Own.Handle);

        rig.Kv.Attach(0, chain, state.Cells, state.State);
        Assert.Equal(expected, rig.Decode(0, conversation: 1, tokens: 1));
        // In whole pages, and one more a region for the token.
        var most = rig.Kv.Layout!.Regions.Sum(region => ((state.Cells * region.RowBytes / rig.Kv.Layout.PageSizeBytes) + 2L) * rig.Kv.Layout.PageSizeBytes);
        Assert.InRange(PageCache.ResidentBytes(path)!.Value, 1, most);
    }

    [Fact]
    public void Attach_FileOfAnotherContextSize_IsRead()
    {
        using var small = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        using var chain = small.NewChain(_folder.Path);
        small.Kv.Attach(1, chain, 0, ReadOnlyMemory<byte>.Empty);
        small.Decode(1, conversation: 1, tokens: 100);
        var state = small.Kv.Capture(1);
        var expected = small.Decode(1, conversation: 1, tokens: 1);
        using var large = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16) with { Slots = 5, ContextTokens = 3000 });
        Assert.Equal(small.Kv.Layout, large.Kv.Layout);
        large.Kv.Attach(3, chain, state.Cells, state.State);
        Assert.Equal(expected, large.Decode(3, conversation: 1, tokens: 1));
    }

    [Fact]
    public void ReleaseCompute_AndLeavingMemory_ChangeNoLogits()
    {
        using var plain = new KvRig("gemma3t", Options(KvMode.Ssd, KvType.F16));
        using var frugal = new KvRig("gemma3t", Options(KvMode.Ssd, KvType.F16) with { WindowTokens = 64 });
        using var one = plain.NewChain(_folder.Path);
        using var other = frugal.NewChain(_folder.Path);
        plain.Kv.Attach(0, one, 0, ReadOnlyMemory<byte>.Empty);
        frugal.Kv.Attach(0, other, 0, ReadOnlyMemory<byte>.Empty);
        for (var step = 0; step < 12; step++)
        {
            Assert.Equal(plain.Decode(0, conversation: 1, tokens: 1 + (step * 8)), frugal.Decode(0, conversation: 1, tokens: 1 + (step * 8)));
            Assert.True(frugal.Kv.ReleaseCompute() > 0);
            var left = frugal.Kv.Detach(0);
            frugal.Kv.Drain();
            Files.LeavePageCache(other.Own.Handle, 0, 0);
            frugal.Kv.Attach(0, other, left.Cells, left.State);
        }
    }

    [Fact]
    public void Trim_LongerThanTheWindow_OnlyTheWindowStaysMappedAndNoLogitChanges()
    {
        const int window = 64;
        using var rig = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16) with { WindowTokens = window });
        using var plain = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        using var parent = rig.NewChain(_folder.Path);
        using var one = plain.NewChain(_folder.Path);
        rig.Kv.Attach(0, parent, 0, ReadOnlyMemory<byte>.Empty);
        plain.Kv.Attach(0, one, 0, ReadOnlyMemory<byte>.Empty);
        Assert.Equal(plain.Decode(0, conversation: 1, tokens: 700), rig.Decode(0, conversation: 1, tokens: 700));
        var whole = MappedBytes();
        for (var step = 0; step < 3; step++)
        {
            rig.Kv.Trim(0);
            Assert.InRange(whole - MappedBytes(), rig.Kv.Layout!.CellBytes * (700L - window) * 3 / 4, whole);
            Assert.Equal(plain.Decode(0, conversation: 1, tokens: 1), rig.Decode(0, conversation: 1, tokens: 1));
        }

        // What this process has mapped of all files without a name in the folder, with those of the plain one.
        long MappedBytes()
        {
            var bytes = 0L;
            var isOurs = false;
            foreach (var line in File.ReadLines("/proc/self/smaps"))
            {
                if (char.IsAsciiHexDigitLower(line[0])) isOurs = line.Contains(_folder.Path, StringComparison.Ordinal);
                else if (isOurs && line.StartsWith("Rss:", StringComparison.Ordinal)) bytes += 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
            }
            return bytes;
        }
    }

    [Fact]
    public void Attach_StateOfAnotherKind_IsCorruptAndTheSlotEmpty()
    {
        using var dense = new KvRig("tiny", Options(KvMode.Ssd, KvType.F16));
        using var chain = dense.NewChain(_folder.Path);
        Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => dense.Kv.Attach(0, chain, 5, new byte[8])).Kind);
        using var hybrid = new KvRig("lfm2t", Options(KvMode.Ssd, KvType.F16));
        using var hybridChain = hybrid.NewChain(_folder.Path);
        foreach (var damaged in new[] { [], new byte[8], new byte[10_380] })
        {
            Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => hybrid.Kv.Attach(0, hybridChain, 5, damaged)).Kind);
            Assert.Equal(0, hybrid.Kv.Capture(0).Cells);
        }
        hybrid.Kv.Attach(0, hybridChain, 0, ReadOnlyMemory<byte>.Empty);
        hybrid.Decode(0, conversation: 1, tokens: 3);
    }

    [Fact]
    public void Create_NoFolder_IsMemoryWithAReasonOrAnError()
    {
        using var rig = new KvRig("tiny", Options(KvMode.Auto, KvType.F16) with { SessionsFolder = null });
        Assert.Equal(KvMode.Ram, rig.Kv.Mode);
        Assert.NotNull(rig.Kv.Reason);
        var error = Assert.Throws<StokerException>(() => new KvRig("tiny", Options(KvMode.Ssd, KvType.F16) with { SessionsFolder = "/proc/nothing" }));
        Assert.Contains("/proc/nothing", error.Message, StringComparison.Ordinal);
        Assert.Throws<StokerException>(() => KvFolder.Check(KvMode.Ssd, "/proc/nothing"));
        KvFolder.Check(KvMode.Auto, "/proc/nothing");
        KvFolder.Check(KvMode.Ssd, _folder.Path);
    }

    private static List<string> Play(KvRig rig)
    {
        // A long one beside a short one, so that the window of the long one moves on; then both in one batch, as pairs and as chunks.
        var hashes = new List<string>();
        for (var chunk = 0; chunk < 5; chunk++) hashes.Add(rig.Decode(0, conversation: 1, tokens: 120));
        hashes.Add(rig.Decode(1, conversation: 2, tokens: 40));
        for (var step = 0; step < 20; step++) hashes.AddRange(rig.Decode([(0, 1), (1, 2)], 1 + (step % 3)));
        return hashes;
    }

    private List<string> Leave(KvRig rig, bool really)
    {
        using var first = rig.NewChain(_folder.Path);
        using var second = rig.NewChain(_folder.Path);
        using var third = rig.NewChain(_folder.Path);
        rig.Kv.Attach(0, first, 0, ReadOnlyMemory<byte>.Empty);
        rig.Kv.Attach(1, second, 0, ReadOnlyMemory<byte>.Empty);
        rig.Kv.Attach(2, third, 0, ReadOnlyMemory<byte>.Empty);
        for (var chunk = 0; chunk < 5; chunk++) rig.Decode(0, conversation: 1, tokens: 120);
        rig.Decode(1, conversation: 2, tokens: 33);
        var slot = 0;
        if (really)
        {
            var state = rig.Kv.Detach(0);
            rig.Decode(2, conversation: 3, tokens: 64);
            var other = rig.Kv.Detach(1);
            rig.Kv.Attach(0, second, other.Cells, other.State);
            rig.Kv.Attach(1, first, state.Cells, state.State);
            slot = 1;
        }
        else
        {
            rig.Decode(2, conversation: 3, tokens: 64);
        }
        var hashes = new List<string> { rig.Decode(slot, conversation: 1, tokens: 1), rig.Decode(1 - slot, conversation: 2, tokens: 1), rig.Decode(slot, conversation: 1, tokens: 19) };
        // Neighbours in one batch: a batch's shape decides last bits, its order of slots does not.
        var pair = rig.Decode([(0, really ? 2 : 1), (1, really ? 1 : 2)], 1);
        return [.. hashes, .. pair.Order(StringComparer.Ordinal)];
    }

    private static long Allocated(KvFile file)
    {
        // Blocks of 512 bytes, of a file that has no name.
        var path = $"/proc/{Environment.ProcessId}/fd/{file.Handle.DangerousGetHandle()}";
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-L", "-c", "%b", path]) { RedirectStandardOutput = true })!;
        return 512 * long.Parse(stat.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture);
    }

    private KvOptions Options(KvMode mode, KvType type) => new()
    {
        Mode = mode, ContextTokens = 1024, Slots = 3, Threads = 1, MicroBatch = 128, KeyType = type, ValueType = type, SessionsFolder = _folder.Path,
    };
}
