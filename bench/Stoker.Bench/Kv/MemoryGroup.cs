using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>A memory control group with a limit, of version 1 or 2, whichever this machine has. Needs root.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private const string V1 = "/sys/fs/cgroup/memory";
    private const string V2 = "/sys/fs/cgroup";

    private readonly string _folder;

    private MemoryGroup(string folder, bool isV1)
    {
        _folder = folder;
        MembersFile = Path.Combine(folder, isV1 ? "tasks" : "cgroup.procs");
    }

    /// <summary>Where a process writes its id to join.</summary>
    public string MembersFile { get; }

    /// <summary>Null: this machine does not let us.</summary>
    public static MemoryGroup? TryCreate(long limitBytes)
    {
        var isV1 = File.Exists(Path.Combine(V1, "memory.limit_in_bytes"));
        var folder = Path.Combine(isV1 ? V1 : V2, $"stoker-bench-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, isV1 ? "memory.limit_in_bytes" : "memory.max"), limitBytes.ToString(CultureInfo.InvariantCulture));
            return new MemoryGroup(folder, isV1);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (Directory.Exists(folder)) Directory.Delete(folder);
            return null;
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(_folder);
        }
        catch (IOException)
        {
            // Its last process is still going.
        }
    }
}
