using System.Globalization;

namespace Stoker.Server.Admin;

/// <summary>What this process holds of memory (proc_pid_status(5)).</summary>
/// <param name="RssAnonBytes">Anonymous pages: what nobody else shares and no file backs.</param>
/// <param name="RssBytes">All resident pages.</param>
public readonly record struct ProcessMemory(long RssAnonBytes, long RssBytes)
{
    public static ProcessMemory OfThisProcess() => Parse(File.ReadLines("/proc/self/status"));

    public static ProcessMemory Parse(IEnumerable<string> status)
    {
        long anonymous = 0, resident = 0;
        foreach (var line in status)
        {
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal)) anonymous = Bytes(line);
            else if (line.StartsWith("VmRSS:", StringComparison.Ordinal)) resident = Bytes(line);
        }
        return new ProcessMemory(anonymous, resident);
    }

    /// <summary><c>RssAnon:     1234 kB</c>.</summary>
    private static long Bytes(string line)
    {
        var words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 3 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes * 1024 : 0;
    }
}
