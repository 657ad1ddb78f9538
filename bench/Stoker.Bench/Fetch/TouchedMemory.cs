using System.Diagnostics;
using System.Globalization;

namespace Stoker.Bench.Fetch;

/// <summary>
/// A virtual machine may give memory that is free back to its host; whoever needs it next pays many times what a page costs
/// otherwise, and the page cache is the first. So that nobody is measured by that, a process touches memory and ends before each
/// sample.
/// </summary>
internal static class TouchedMemory
{
    public const string Verb = "touch-memory";

    public static async Task MakeAsync(long bytes, CancellationToken cancellationToken)
    {
        using var process = Process.Start(Environment.ProcessPath!, [Verb, bytes.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>The process that touches.</summary>
    public static int Run(string bytes)
    {
        const int block = 256 << 20;
        var kept = new List<byte[]>();
        for (var left = long.Parse(bytes, CultureInfo.InvariantCulture); left > 0; left -= block)
        {
            var memory = GC.AllocateUninitializedArray<byte>(block);
            for (var i = 0; i < block; i += 4096) memory[i] = 1;
            kept.Add(memory);
        }
        GC.KeepAlive(kept);
        return 0;
    }
}
