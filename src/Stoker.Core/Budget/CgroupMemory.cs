using System.Globalization;

namespace Stoker.Core.Budget;

/// <summary>
/// The cgroups that bound this process (kernel: Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst). A limit binds
/// everything below it, so all ancestors are looked at. What cannot be read bounds nothing.
/// </summary>
internal static class CgroupMemory
{
    // v1 says "no limit" as the largest multiple of the page size.
    private const long NoLimitBytes = 1L << 60;

    /// <summary>Groups with a limit: their path, the limit, and what is used without page cache, which the kernel gives back.</summary>
    public static IEnumerable<(string Group, long LimitBytes, long UsedBytes)> Read(string root)
    {
        var (unified, legacy) = Mounts(root);
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            // number:controllers:path
            var parts = line.Split(':', 3);
            if (parts.Length < 3) continue;
            if (parts[1].Split(',').Contains("memory") && legacy is not null)
            {
                foreach (var group in Ancestors(parts[2])) if (ReadLegacy(root, legacy, group) is { } limited) yield return limited;
            }
            else if (parts[1].Length == 0 && unified is not null)
            {
                foreach (var group in Ancestors(parts[2])) if (ReadUnified(root, unified, group) is { } limited) yield return limited;
            }
        }
    }

    private static (string, long, long)? ReadLegacy(string root, string mount, string group)
    {
        var folder = Under(root, mount + group);
        if (Number(Path.Combine(folder, "memory.limit_in_bytes")) is not { } limit || limit >= NoLimitBytes) return null;
        var used = Number(Path.Combine(folder, "memory.usage_in_bytes")) ?? 0;
        return (group, limit, Math.Max(0, used - CacheBytes(folder, "total_inactive_file", "total_active_file")));
    }

    private static (string, long, long)? ReadUnified(string root, string mount, string group)
    {
        var folder = Under(root, mount + group);
        // "max" is no number.
        if (Number(Path.Combine(folder, "memory.max")) is not { } limit) return null;
        var used = Number(Path.Combine(folder, "memory.current")) ?? 0;
        return (group, limit, Math.Max(0, used - CacheBytes(folder, "inactive_file", "active_file")));
    }

    private static long CacheBytes(string folder, string inactive, string active)
    {
        var bytes = 0L;
        foreach (var line in Lines(Path.Combine(folder, "memory.stat")))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0) continue;
            var name = line.AsSpan(0, space);
            if (!name.SequenceEqual(inactive) && !name.SequenceEqual(active)) continue;
            if (long.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var part)) bytes += part;
        }
        return bytes;
    }

    /// <summary>
    /// The group and those above it, as far as they are visible: in a container the path may be of the host, while only its
    /// own part is mounted, as the mount's root.
    /// </summary>
    private static IEnumerable<string> Ancestors(string group)
    {
        var path = group.TrimEnd('/');
        while (path.Length > 0)
        {
            yield return path;
            path = path[..path.LastIndexOf('/')];
        }
        yield return "/";
    }

    private static (string? Unified, string? Legacy) Mounts(string root)
    {
        string? unified = null;
        string? legacy = null;
        foreach (var line in Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            // id parent device root MOUNT options ... - TYPE source SUPEROPTIONS
            var dash = line.IndexOf(" - ", StringComparison.Ordinal);
            if (dash < 0) continue;
            var before = line[..dash].Split(' ');
            var after = line[(dash + 3)..].Split(' ');
            if (before.Length < 5 || after.Length < 3) continue;
            if (after[0] == "cgroup2") unified ??= before[4];
            else if (after[0] == "cgroup" && after[2].Split(',').Contains("memory")) legacy ??= before[4];
        }
        return (unified, legacy);
    }

    private static string Under(string root, string path) => Path.Combine(root, path.TrimStart('/'));

    private static long? Number(string path) =>
        Lines(path).FirstOrDefault() is { } line && long.TryParse(line.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
