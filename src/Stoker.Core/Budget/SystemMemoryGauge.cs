using System.Globalization;
using Stoker.Core.Errors;

namespace Stoker.Core.Budget;

/// <summary>
/// MemAvailable of /proc/meminfo and the memory limits of every cgroup (v1 or v2) above this process, whichever leaves less.
/// Read anew at each call: limits and neighbours change. Thread-safe.
/// </summary>
/// <param name="root">The file system's root; another one for tests.</param>
public sealed class SystemMemoryGauge(string root = "/") : IMemoryGauge
{
    /// <exception cref="StokerException">Io: /proc/meminfo cannot be read.</exception>
    public MachineMemory Read()
    {
        var memory = ReadMachine();
        foreach (var (group, limitBytes, usedBytes) in CgroupMemory.Read(root))
        {
            var left = Math.Max(0, limitBytes - usedBytes);
            if (left >= memory.AvailableBytes && limitBytes >= memory.TotalBytes) continue;
            memory = new MachineMemory(
                Math.Min(limitBytes, memory.TotalBytes),
                Math.Min(left, memory.AvailableBytes),
                left < memory.AvailableBytes ? $"the cgroup {Printable.Short(group)}" : memory.LimitedBy);
        }
        return memory;
    }

    private MachineMemory ReadMachine()
    {
        var path = Path.Combine(root, "proc/meminfo");
        long? total = null;
        long? available = null;
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                if (line.StartsWith("MemTotal:", StringComparison.Ordinal)) total = KibibytesOf(line);
                else if (line.StartsWith("MemAvailable:", StringComparison.Ordinal)) available = KibibytesOf(line);
                if (total is not null && available is not null) return new MachineMemory(total.Value, available.Value, "the machine");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"The free memory is not known: {path} cannot be read ({exception.Message}).", exception);
        }
        throw new StokerException(ErrorKind.Io, $"The free memory is not known: {path} has no MemTotal and MemAvailable.");
    }

    private static long? KibibytesOf(string line)
    {
        var digits = line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1).Trim();
        var end = digits.IndexOf(' ');
        return long.TryParse(end < 0 ? digits : digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number << 10 : null;
    }
}
