using System.Buffers.Binary;
using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

public sealed class SessionArchiveTests
{
    private const int HeaderBytes = 20;
    private static readonly int[] Tokens = SessionBench.Tokens(600, 1);

    [Fact]
    public async Task Import_OfAFork_IsTheWholeConversationInOneFile()
    {
        using var bench = new SessionBench();
        bench.Keep("p", Tokens);
        bench.Store.Fork("p", "c");
        var archive = await ExportAsync(bench, "c");
        Assert.InRange(archive.Length, Tokens.Length * Canary.Layout.CellBytes, (Tokens.Length * Canary.Layout.CellBytes) + 10_000);

        using var other = new SessionBench();
        var made = await ImportAsync(other, archive, "new");
        Assert.Equal(600, made.Cells);
        using var session = other.Open("new");
        Assert.Equal(Tokens, session.Snapshot.Tokens);
        Assert.Empty(session.Chain!.Shared);
        SessionBench.AssertCells(session);
    }

    [Fact]
    public async Task Import_AnyBitChangedOrMissing_IsRefusedAndNothingIsKept()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Tokens);
        var archive = await ExportAsync(bench, "a");
        var random = new Random(5);
        for (var i = 0; i < 60; i++)
        {
            var changed = archive.ToArray();
            // The first ones where the lengths are.
            changed[i < HeaderBytes ? i : random.Next(archive.Length)] ^= (byte)(1 << random.Next(8));
            await AssertRefusedAsync(bench, changed, $"change {i}");
            await AssertRefusedAsync(bench, archive[..random.Next(archive.Length)], $"cut {i}");
        }
        await AssertRefusedAsync(bench, [.. archive, 0], "one byte more");
        Assert.Equal(["a"], bench.Store.List().Select(static session => session.Name));
        Assert.Single(Directory.GetDirectories(bench.Root));
    }

    [Theory]
    [InlineData("\"own\":\"kv-1\"", "\"own\":\"kv-2\"")]
    [InlineData("\"shared\":[]", "\"shared\":[{\"name\":\"kv-1\",\"endCell\":5}]")]
    [InlineData("\"rowBytes\":272", "\"rowBytes\":262145")]
    public async Task Import_HostileHeadWithRightSums_IsRefused(string said, string instead)
    {
        using var bench = new SessionBench();
        bench.Keep("a", Tokens);
        var archive = await ExportAsync(bench, "a");
        var snapshotBytes = (int)BinaryPrimitives.ReadInt64LittleEndian(archive.AsSpan(12));
        var snapshot = SnapshotEdit.Change(archive[HeaderBytes..(HeaderBytes + snapshotBytes)], head => head.Replace(said, instead, StringComparison.Ordinal));
        byte[] changed = [.. archive[..HeaderBytes], .. snapshot, .. archive[(HeaderBytes + snapshotBytes)..]];
        BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(12), snapshot.Length);
        await AssertRefusedAsync(bench, changed, instead);
    }

    [Fact]
    public async Task Import_TakenName_IsRefused()
    {
        using var bench = new SessionBench();
        bench.Keep("a", Tokens);
        var archive = await ExportAsync(bench, "a");
        Assert.Equal(ErrorKind.Conflict, (await Assert.ThrowsAsync<StokerException>(() => ImportAsync(bench, archive, "a"))).Kind);
        Assert.Equal(ErrorKind.InvalidInput, (await Assert.ThrowsAsync<StokerException>(() => ImportAsync(bench, archive, "../a"))).Kind);
    }

    private static async Task<byte[]> ExportAsync(SessionBench bench, string name)
    {
        using var target = new MemoryStream();
        await bench.Store.ExportAsync(name, null, _ => Task.FromResult<Stream>(target), TestContext.Current.CancellationToken);
        return target.ToArray();
    }

    private static Task<SessionSummary> ImportAsync(SessionBench bench, byte[] archive, string name) =>
        bench.Store.ImportAsync(name, "", new MemoryStream(archive), TestContext.Current.CancellationToken);

    private static async Task AssertRefusedAsync(SessionBench bench, byte[] archive, string what)
    {
        var refusal = await Assert.ThrowsAsync<StokerException>(() => ImportAsync(bench, archive, "x"));
        Assert.True(refusal.Kind is ErrorKind.Corrupt or ErrorKind.Unsupported, $"{what}: {refusal.Kind} {refusal.Message}");
        Assert.Null(bench.Store.Find("x"));
    }
}
