using System.Diagnostics;
using System.Globalization;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Kv;

/// <summary>A process that is killed in the middle of decoding, and another one that goes on from its last snapshot.</summary>
public sealed class KillTests : IDisposable
{
    private const string WorkerFolder = "STOKER_TEST_KV_WORKER";
    private const int Prompt = 150;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny")]
    [InlineData("gemma3t")]
    [InlineData("granitet")]
    public async Task Attach_AfterSigkill_GoesOnAsIfNeverInterrupted(string shape)
    {
        using var plain = new KvRig(shape, Options(KvMode.Ram));
        plain.Decode(0, conversation: 1, Prompt);
        var expected = new List<string>();
        for (var i = 0; i < 120; i++) expected.Add(plain.Decode(0, conversation: 1, tokens: 1));

        using var rig = new KvRig(shape, Options(KvMode.Ssd));
        for (var kill = 0; kill < 3; kill++)
        {
            var folder = Directory.CreateDirectory(_folder.File($"{shape}-{kill}")).FullName;
            await KillAWorkerAsync(shape, folder, afterSnapshots: 2 + (kill * 3));
            var (cells, state) = ReadSnapshot(folder);
            using var chain = new KvChain([], KvFile.Open(Path.Combine(folder, "kv")));
            rig.Kv.Attach(kill % 2, chain, cells, state);
            for (var i = cells - Prompt; i < Math.Min(expected.Count, cells - Prompt + 8); i++) Assert.Equal(expected[i], rig.Decode(kill % 2, conversation: 1, tokens: 1));
            rig.Kv.Detach(kill % 2);
        }
    }

    /// <summary>The process that is killed: run by the test above, never by itself.</summary>
    [Fact(Explicit = true)]
    public void Worker()
    {
        if (Environment.GetEnvironmentVariable(WorkerFolder)?.Split('|') is not [var shape, var folder]) return;
        using var rig = new KvRig(shape, Options(KvMode.Ssd) with { SessionsFolder = folder });
        using var chain = new KvChain([], KvFile.Create(Path.Combine(folder, "kv"), rig.Kv.Layout!));
        rig.Kv.Attach(0, chain, 0, ReadOnlyMemory<byte>.Empty);
        rig.Decode(0, conversation: 1, Prompt);
        for (var snapshot = 0; ; snapshot++)
        {
            WriteSnapshot(folder, rig.Kv.Capture(0));
            Console.Out.WriteLine(FormattableString.Invariant($"snapshot {snapshot}"));
            Console.Out.Flush();
            // After a hundred tokens it holds still, so that nobody has to hurry to kill it.
            if (snapshot == 20) Thread.Sleep(Timeout.Infinite);
            for (var i = 0; i < 5; i++) rig.Decode(0, conversation: 1, tokens: 1);
        }
    }

    private static async Task KillAWorkerAsync(string shape, string folder, int afterSnapshots)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-method", $"{typeof(KillTests).FullName}.{nameof(Worker)}", "-explicit", "only", "-showLiveOutput"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[WorkerFolder] = $"{shape}|{folder}";
        using var worker = Process.Start(start)!;
        var said = new List<string>();
        while (true)
        {
            var line = await worker.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
            Assert.True(line is not null, string.Join('\n', said));
            said.Add(line);
            if (line.Contains(FormattableString.Invariant($"snapshot {afterSnapshots}"), StringComparison.Ordinal)) break;
        }
        Assert.True(OwnProcess.Signal(worker.Id, UnixSignal.Kill));
        await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(137, worker.ExitCode);
    }

    private static void WriteSnapshot(string folder, KvState state)
    {
        var path = Path.Combine(folder, "snapshot");
        File.WriteAllText(path + ".new", state.Cells.ToString(CultureInfo.InvariantCulture) + " " + Convert.ToHexString(state.State));
        File.Move(path + ".new", path, overwrite: true);
    }

    private static (int Cells, byte[] State) ReadSnapshot(string folder)
    {
        var parts = File.ReadAllText(Path.Combine(folder, "snapshot")).Split(' ');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), Convert.FromHexString(parts[1]));
    }

    private KvOptions Options(KvMode mode) => new() { Mode = mode, ContextTokens = 1024, Slots = 2, Threads = 1, MicroBatch = 64, SessionsFolder = _folder.Path };
}
