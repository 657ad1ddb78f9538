using System.Text;
using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

public sealed class SnapshotFileTests
{
    [Fact]
    public void Read_AnyByteChangedOrMissing_IsRefused()
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", SessionBench.Tokens(40, 1));
        var path = bench.File(id, "snapshot");
        var whole = File.ReadAllBytes(path);
        for (var at = 0; at < whole.Length; at++)
        {
            var changed = whole.ToArray();
            changed[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(path, changed);
            AssertCorrupt(bench, $"byte {at}");
            if (at % 7 != 0) continue;
            File.WriteAllBytes(path, whole[..at]);
            AssertCorrupt(bench, $"{at} bytes");
        }
        File.WriteAllBytes(path, [.. whole, 0]);
        AssertCorrupt(bench, "one byte more");
        Assert.Equal(SessionState.Damaged, bench.Store.Find("a")!.State);
        File.WriteAllBytes(path, whole);
        using var again = bench.Open("a");
        SessionBench.AssertCells(again);
    }

    [Fact]
    public void Points_AreReadAsWritten_AndGoWithWhatIsCut()
    {
        using var bench = new SessionBench();
        var tokens = SessionBench.Tokens(40, 1);
        using (var session = bench.Create("a"))
        {
            Canary.Decode(session, 0, tokens);
            session.Save(Canary.Snapshot(tokens) with { State = "end"u8.ToArray(), Points = [new SessionPoint(10, "ten"u8.ToArray()), new SessionPoint(20, "twenty"u8.ToArray())] });
        }
        using (var session = bench.Open("a"))
        {
            Assert.Equal(["10 ten", "20 twenty", "40 end"], States(session.Snapshot));
            session.MoveBack(20, session.Snapshot.Points[1].State);
        }
        Assert.Equal(["10 ten", "20 twenty"], States(bench.Store.Read("a")));
    }

    [Fact]
    public void Open_DamagedCells_GoesBackToTheLastStateBeforeThem()
    {
        using var bench = new SessionBench();
        var tokens = SessionBench.Tokens(700, 1);
        string id;
        using (var session = bench.Create("a"))
        {
            id = session.Id;
            Canary.Decode(session, 0, tokens);
            session.Save(Canary.Snapshot(tokens) with { State = "end"u8.ToArray(), Points = [new SessionPoint(200, "early"u8.ToArray()), new SessionPoint(600, "late"u8.ToArray())] });
        }
        using (var file = File.OpenHandle(bench.File(id, "kv-1"), FileMode.Open, FileAccess.Write)) RandomAccess.Write(file, [0xEE], 300 * 272);
        File.WriteAllText(bench.File(id, "lock"), $"another-boot 1 0");
        using var again = bench.Open("a");
        Assert.NotNull(again.Damage);
        Assert.Equal(["200 early"], States(again.Snapshot));
        SessionBench.AssertCells(again);
    }

    [Theory]
    [InlineData("\"points\":[]", "\"points\":[null]")]
    [InlineData("\"points\":[]", "\"points\":null")]
    [InlineData("\"points\":[]", "\"points\":[{\"cells\":40,\"bytes\":1}]")]
    [InlineData("\"points\":[]", "\"points\":[{\"cells\":4,\"bytes\":1}]")]
    [InlineData("\"kv-1\"", "\"../../other/kv-1\"")]
    [InlineData("\"kv-1\"", "\"label.json\"")]
    [InlineData("\"kv-1\"", "null")]
    [InlineData("\"cells\":40", "\"cells\":-1")]
    [InlineData("\"cells\":40", "\"cells\":39")]
    [InlineData("\"cells\":40", "\"cells\":2000000000")]
    [InlineData("\"rowBytes\":272", "\"rowBytes\":0")]
    [InlineData("\"rowBytes\":272", "\"rowBytes\":2147483647")]
    [InlineData("\"pageSizeBytes\":4096", "\"pageSizeBytes\":1")]
    [InlineData("\"shared\":[]", "\"shared\":[{\"name\":\"kv-2\",\"endCell\":41}]")]
    [InlineData("\"shared\":[]", "\"shared\":[null]")]
    [InlineData("\"shared\":[]", "\"shared\":null")]
    [InlineData("\"messages\":1", "\"messages\":2")]
    [InlineData("\"model\":\"canary\"", "\"model\":null")]
    public void Read_NonsenseWithRightSums_IsRefused(string said, string instead)
    {
        using var bench = new SessionBench();
        var id = bench.Keep("a", SessionBench.Tokens(40, 1));
        var path = bench.File(id, "snapshot");
        File.WriteAllBytes(path, SnapshotEdit.Change(File.ReadAllBytes(path), head =>
        {
            Assert.Contains(said, head);
            return head.Replace(said, instead, StringComparison.Ordinal);
        }));
        AssertCorrupt(bench, instead);
    }

    [Fact]
    public void Read_20000RandomChangesWithRightSums_AreRefusedOrRead() => Fuzz(20_000);

    [Fact]
    [Trait("length", "long")]
    public void Read_1000000RandomChangesWithRightSums_AreRefusedOrRead() => Fuzz(1_000_000);

    private static void Fuzz(int inputs)
    {
        using var bench = new SessionBench("/dev/shm/stoker-fuzz-" + Guid.NewGuid().ToString("N"));
        try
        {
            var path = bench.File(bench.Keep("a", SessionBench.Tokens(40, 1)), "snapshot");
            var whole = File.ReadAllBytes(path);
            var random = new Random(20261121);
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < inputs; i++)
            {
                var changed = whole.ToArray();
                for (var n = random.Next(1, 4); n > 0; n--)
                {
                    // Half of them in the lengths and the head.
                    var at = random.Next(random.Next(2) == 0 ? changed.Length : Math.Min(changed.Length, 400));
                    changed[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)"0-9{}[]\",:e"[random.Next(11)], _ => (byte)(changed[at] ^ (1 << random.Next(8))) };
                }
                SnapshotEdit.MakeRight(changed);
                RandomAccess.Write(file, changed, 0);
                try
                {
                    Assert.InRange(bench.Store.Read("a").Cells, 0, 40);
                }
                catch (StokerException refusal)
                {
                    Assert.True(refusal.Kind == ErrorKind.Corrupt, $"input {i}: {refusal}");
                }
            }
            // What a length claims is not allocated before it is known to be there.
            Assert.True((GC.GetAllocatedBytesForCurrentThread() - before) / inputs < 200_000);
        }
        finally
        {
            Directory.Delete(bench.Root, recursive: true);
        }
    }

    private static IEnumerable<string> States(SessionSnapshot snapshot) =>
        snapshot.Points.Append(new SessionPoint(snapshot.Cells, snapshot.State)).Select(static point => $"{point.Cells} {Encoding.ASCII.GetString(point.State.Span)}");

    private static void AssertCorrupt(SessionBench bench, string what)
    {
        var refusal = Assert.Throws<StokerException>(() => bench.Store.Read("a"));
        Assert.True(refusal.Kind == ErrorKind.Corrupt, $"{what}: {refusal.Message}");
        Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => bench.Open("a")).Kind);
    }
}
