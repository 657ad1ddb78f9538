using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Kv;

/// <summary>A small real file system that fills while a conversation grows.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public void Reserve_DiskFull_IsAnErrorBeforeTheDecodeAndNothingIsLost()
    {
        using var folder = new TempFolder();
        if (Run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.Path) != 0) Assert.Skip("A small file system can only be mounted as root.");
        try
        {
            // 3 KiB a token: some 600 fit.
            using var rig = new KvRig("tiny", new KvOptions { Mode = KvMode.Ssd, ContextTokens = 4096, Threads = 1, MicroBatch = 64, SessionsFolder = folder.Path });
            using var chain = rig.NewChain(folder.Path);
            rig.Kv.Attach(0, chain, 0, ReadOnlyMemory<byte>.Empty);
            rig.Decode(0, conversation: 1, tokens: 300);
            var expected = rig.Decode(0, conversation: 1, tokens: 1);
            StokerException? error = null;
            while (error is null)
            {
                try
                {
                    rig.Decode(0, conversation: 1, tokens: 10);
                    Assert.True(rig.Kv.Capture(0).Cells < 1000, "The disk should be full by now.");
                }
                catch (StokerException full)
                {
                    error = full;
                }
            }
            Assert.Equal(ErrorKind.OutOfSpace, error.Kind);

            // What is there can be left, restored, cut and decoded again.
            var state = rig.Kv.Detach(0);
            Assert.InRange(state.Cells, 301, 1000);
            rig.Kv.Attach(0, chain, state.Cells, state.State);
            Assert.True(rig.Kv.Truncate(0, 300));
            Assert.Equal(expected, rig.Decode(0, conversation: 1, tokens: 1));
        }
        finally
        {
            Run("umount", "-l", folder.Path);
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
