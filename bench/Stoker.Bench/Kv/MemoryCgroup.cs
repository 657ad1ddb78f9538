using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>A memory cgroup with a limit, version 1 or 2, whichever this machine has. Making one needs root. Removed when disposed.</summary>
internal sealed class MemoryCgroup : IDisposable
{
    private const string FirstRoot = "/sys/fs/cgroup/memory";
    private const string SecondRoot = "/sys/fs/cgroup";

    private readonly string _folder;
    private readonly bool _isFirst;

    private MemoryCgroup(string folder, bool isFirst)
    {
        _folder = folder;
        _isFirst = isFirst;
    }

    public int Version => _isFirst ? 1 : 2;

    /// <summary>Most that was charged, in MiB; NaN where the kernel does not say.</summary>
    public double PeakMib
    {
        get
        {
            var file = Path.Combine(_folder, _isFirst ? "memory.max_usage_in_bytes" : "memory.peak");
            return File.Exists(file) ? long.Parse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture) / 1048576.0 : double.NaN;
        }
    }

    /// <summary>Null, with a reason, where none can be made.</summary>
    public static MemoryCgroup? TryCreate(long limitBytes, out string? reason)
    {
        var isFirst = File.Exists(Path.Combine(FirstRoot, "memory.limit_in_bytes")) || File.Exists(Path.Combine(FirstRoot, "cgroup.procs"));
        var folder = Path.Combine(isFirst ? FirstRoot : SecondRoot, string.Create(CultureInfo.InvariantCulture, $"stoker-bench-{Environment.ProcessId}"));
        try
        {
            if (!isFirst) File.WriteAllText(Path.Combine(SecondRoot, "cgroup.subtree_control"), "+memory");
            Directory.CreateDirectory(folder);
            var cgroup = new MemoryCgroup(folder, isFirst);
            cgroup.Limit(limitBytes);
            reason = null;
            return cgroup;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            reason = $"no memory cgroup can be made here: {error.Message}";
            return null;
        }
    }

    /// <summary>The command, in this group from its first instruction on.</summary>
    public IReadOnlyList<string> Entering(IReadOnlyList<string> command) =>
        ["/bin/sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", Path.Combine(_folder, "cgroup.procs"), .. command];

    public void Dispose()
    {
        // What still charges pages to it is gone; the kernel may need a moment to see its last process out.
        for (var i = 0; i < 50 && Directory.Exists(_folder); i++)
        {
            try
            {
                Directory.Delete(_folder);
            }
            catch (IOException)
            {
                Thread.Sleep(20);
            }
        }
    }

    private void Limit(long bytes)
    {
        File.WriteAllText(Path.Combine(_folder, _isFirst ? "memory.limit_in_bytes" : "memory.max"), bytes.ToString(CultureInfo.InvariantCulture));
        var swap = Path.Combine(_folder, _isFirst ? "memory.memsw.limit_in_bytes" : "memory.swap.max");
        if (File.Exists(swap)) File.WriteAllText(swap, _isFirst ? bytes.ToString(CultureInfo.InvariantCulture) : "0");
    }
}
