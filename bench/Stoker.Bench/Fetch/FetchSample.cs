using System.Diagnostics;
using System.Globalization;

namespace Stoker.Bench.Fetch;

/// <summary>What one run of a program cost.</summary>
/// <param name="WallSeconds">From start to exit.</param>
/// <param name="CpuSeconds">User and system.</param>
/// <param name="PeakMib">The most that was resident (VmHWM).</param>
/// <param name="WrittenBytes">Handed to the disk: what /proc/PID/io calls write_bytes. 0 on a tmpfs.</param>
internal sealed record FetchSample(double WallSeconds, double CpuSeconds, double PeakMib, long WrittenBytes)
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux

    /// <summary>Runs a program to its end. One at a time: the kernel adds what a child cost to its parent when it is waited for.</summary>
    public static async Task<FetchSample> TakeAsync(FetchContender contender, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(contender.Program, contender.Arguments(folder)) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["STOKER_OFFLINE"] = "1";
        var (cpu, written) = (ChildrenCpuSeconds(), WrittenBytesOfAll());
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        // Nothing of it may write into its folder any more, which is about to go.
        await using var whenStopped = cancellationToken.UnsafeRegister(static child => Stop((Process)child!), process);
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        double peak = 0;
        var ended = process.WaitForExitAsync(cancellationToken);
        while (!ended.IsCompleted)
        {
            peak = Math.Max(peak, PeakOf(process.Id));
            await Task.WhenAny(ended, Task.Delay(25, cancellationToken));
        }
        await ended;
        var wall = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await output;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{contender.Name} ended with {process.ExitCode}: {await error}");
        return new FetchSample(wall, ChildrenCpuSeconds() - cpu, peak, WrittenBytesOfAll() - written);
    }

    /// <summary>Runs a program to its end for what it prints.</summary>
    public static async Task<string> OutputAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await error}");
    }

    private static void Stop(Process process)
    {
        process.Kill();
        process.WaitForExit();
    }

    private static double PeakOf(int processId)
    {
        try
        {
            return ProcFiles.MemoryMib(processId, "VmHWM");
        }
        catch (Exception gone) when (gone is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            return 0; // It ends in this moment.
        }
    }

    // Fields 16 and 17 of /proc/self/stat: of children that were waited for.
    private static double ChildrenCpuSeconds()
    {
        var stat = File.ReadAllText("/proc/self/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    private static long WrittenBytesOfAll() =>
        long.Parse(File.ReadLines("/proc/self/io").First(static line => line.StartsWith("write_bytes:", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
}
