using System.Globalization;

namespace Stoker.Engine.Decoding;

/// <summary>
/// How many threads decode: the physical cores among the processors this process may use, and no more than a quota pays for.
/// Two threads on one core share its vector units, and threads beyond a quota are stopped in the middle of a step while the
/// others wait for them.
/// </summary>
public static class DecodeThreads
{
    /// <summary>
    /// Below this a step is over before a second thread has been waited for: llama.cpp's threads meet hundreds of times a token,
    /// spinning. Measured with 4 MB: one thread as fast as two on an idle machine, and hundreds of times faster on a busy one.
    /// </summary>
    public const long SmallModelBytes = 32L << 20;

    /// <summary>Pure: of so many threads, those that this model is decoded with.</summary>
    public static int ForModel(long weightsBytes, int threads) => weightsBytes < SmallModelBytes ? 1 : threads;

    /// <summary>Pure: what somebody asked for, but no more than there are processors (0: unknown): threads that share one spin for each other until nothing is answered.</summary>
    public static int Asked(int threads, int processors) => processors > 0 ? Math.Min(threads, processors) : threads;

    /// <summary>Pure: the count from what the kernel says.</summary>
    /// <param name="allowed">Processors that the affinity and cpuset leave.</param>
    /// <param name="coreOf">A text that is the same for processors of one core, or null when unknown (then each is its own).</param>
    /// <param name="quotaCpus">What control groups grant, in processors (may be a fraction), or null for no limit.</param>
    public static int Count(IReadOnlyList<int> allowed, Func<int, string?> coreOf, double? quotaCpus)
    {
        var cores = allowed.Select(processor => coreOf(processor) ?? $"processor {processor}").Distinct().Count();
        var paid = quotaCpus is { } quota ? Math.Max(1, (int)Math.Floor(quota + 0.001)) : int.MaxValue;
        return Math.Max(1, Math.Min(cores, paid));
    }

    /// <summary>This process's count, from <c>/proc</c> and <c>/sys</c> under <paramref name="root"/> ("/" but in tests).</summary>
    public static int Count(IReadOnlyList<int> allowed, string root) => Count(allowed, processor => CoreOf(processor, root), QuotaCpus(root));

    /// <summary>The smallest quota on the way from this process's control group to the root; null: none.</summary>
    public static double? QuotaCpus(string root)
    {
        double? least = null;
        foreach (var line in (ReadText(Path.Combine(root, "proc/self/cgroup")) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // hierarchy:controllers:path; version 2 has no controllers.
            var parts = line.Split(':', 3);
            if (parts.Length != 3) continue;
            var isV2 = parts[1].Length == 0;
            if (!isV2 && !parts[1].Split(',').Contains("cpu")) continue;
            foreach (var folder in GroupsUpward(parts[2]))
            {
                var quota = isV2
                    ? ParseV2(ReadText(Path.Combine(root, "sys/fs/cgroup", folder, "cpu.max")))
                    : ParseV1(
                        ReadText(Path.Combine(root, "sys/fs/cgroup/cpu", folder, "cpu.cfs_quota_us")),
                        ReadText(Path.Combine(root, "sys/fs/cgroup/cpu", folder, "cpu.cfs_period_us")));
                if (quota is { } found && (least is null || found < least)) least = found;
            }
        }
        return least;
    }

    private static IEnumerable<string> GroupsUpward(string path)
    {
        // A path that leaves the namespace ("/../..") is not ours to read.
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Contains("..")) parts = [];
        for (var depth = parts.Length; depth >= 0; depth--) yield return string.Join('/', parts[..depth]);
    }

    private static string? CoreOf(int processor, string root)
    {
        var folder = Path.Combine(root, $"sys/devices/system/cpu/cpu{processor.ToString(CultureInfo.InvariantCulture)}/topology");
        var core = ReadText(Path.Combine(folder, "core_id"));
        return core is null ? null : $"{ReadText(Path.Combine(folder, "physical_package_id"))}/{core}";
    }

    private static double? ParseV2(string? text) =>
        text?.Split(' ') is [var quota, var period] && Number(quota) is { } q && Number(period) is > 0 and var p ? q / p : null; // "max 100000": none

    private static double? ParseV1(string? quota, string? period) =>
        Number(quota) is > 0 and var q && Number(period) is > 0 and var p ? q / p : null; // -1: none

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static string? ReadText(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // not said
        }
    }
}
