using System.Globalization;

namespace Stoker.Cli.Client;

/// <summary>What a process on this machine occupies, in MiB (proc_pid_status(5), proc_pid_smaps(5)).</summary>
/// <param name="RssAnon">Anonymous pages: what no file backs.</param>
/// <param name="RssFile">Resident pages of files: weights and KV files, which the kernel may take back.</param>
/// <param name="PrivateDirty">Pages of this process alone that must be written before they can be taken back; of files too.</param>
/// <param name="VmHwm">The most that was ever resident, files included.</param>
public sealed record ProcessFigures(double RssAnon, double RssFile, double PrivateDirty, double VmHwm)
{
    /// <summary>Null: there is no such process, or it is somebody else's.</summary>
    public static ProcessFigures? TryRead(int processId)
    {
        try
        {
            var folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/");
            return Parse(File.ReadAllLines(folder + "status"), File.ReadAllLines(folder + "smaps_rollup"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>RssAnon alone, in bytes: cheap, as no page is visited for it. Null as above.</summary>
    public static long? TryReadPrivateBytes(int processId)
    {
        try
        {
            return (long)(Mib(File.ReadAllLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/status")), "RssAnon:") * 1024 * 1024);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static ProcessFigures Parse(IReadOnlyCollection<string> status, IReadOnlyCollection<string> rollup) =>
        new(Mib(status, "RssAnon:"), Mib(status, "RssFile:"), Mib(rollup, "Private_Dirty:"), Mib(status, "VmHWM:"));

    /// <summary><c>RssAnon:     1234 kB</c>; 0 when there is no such line.</summary>
    private static double Mib(IEnumerable<string> lines, string field)
    {
        var words = lines.FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal))?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        return words is [_, var kib, ..] && double.TryParse(kib, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value / 1024 : 0;
    }
}
