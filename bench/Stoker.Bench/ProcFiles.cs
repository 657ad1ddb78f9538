using System.Globalization;

namespace Stoker.Bench;

/// <summary>What /proc says about processes.</summary>
internal static class ProcFiles
{
    /// <summary>A field of /proc/PID/status in MiB (RssAnon, VmRSS ...).</summary>
    public static double MemoryMib(int processId, string field)
    {
        foreach (var line in File.ReadLines($"/proc/{processId}/status"))
        {
            if (!line.StartsWith(field + ":", StringComparison.Ordinal)) continue;
            return long.Parse(line[(field.Length + 1)..].Trim().Split(' ')[0], CultureInfo.InvariantCulture) / 1024.0;
        }
        throw new InvalidOperationException($"Process {processId} has no {field}.");
    }

    /// <summary>Children of a process whose command line has this word.</summary>
    public static IReadOnlyList<int> Children(int parent, string word)
    {
        var found = new List<int>();
        foreach (var folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)) continue;
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                // pid (name, which may hold anything) state ppid
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (int.Parse(fields[1], CultureInfo.InvariantCulture) != parent) continue;
                if (File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0').Contains(word)) found.Add(id);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Gone meanwhile.
            }
        }
        return found;
    }

    /// <summary>Jiffies that all processors were busy with anything, and in all.</summary>
    public static (long Busy, long All) Processors()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        var numbers = fields.Select(static field => long.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        // user nice system idle iowait irq softirq steal; guests are in user already
        var all = numbers.Take(8).Sum();
        return (all - numbers[3] - numbers[4], all);
    }
}
