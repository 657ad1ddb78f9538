using Stoker.Core.Budget;
using Stoker.Core.Errors;

namespace Stoker.Tests.Core.Budget;

public sealed class SystemMemoryGaugeTests
{
    private const long Mib = 1L << 20;

    [Fact]
    public void Read_WithoutCgroups_IsTheMachine()
    {
        using var root = Root("");
        Assert.Equal(new MachineMemory(16_384 * Mib, 8192 * Mib, "the machine"), new SystemMemoryGauge(root.Path).Read());
    }

    [Fact]
    public void Read_CgroupV2_CountsUseWithoutPageCacheAndLooksAtAncestors()
    {
        using var root = Root("0::/a/b");
        Write(root, "proc/self/mountinfo", "30 20 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
        Write(root, "sys/fs/cgroup/a/b/memory.max", "max");
        Write(root, "sys/fs/cgroup/a/memory.max", $"{1000 * Mib}");
        Write(root, "sys/fs/cgroup/a/memory.current", $"{900 * Mib}");
        Write(root, "sys/fs/cgroup/a/memory.stat", $"anon 1\ninactive_file {500 * Mib}\nactive_file {100 * Mib}\nslab 7");
        Assert.Equal(new MachineMemory(1000 * Mib, 700 * Mib, "the cgroup /a"), new SystemMemoryGauge(root.Path).Read());
    }

    [Fact]
    public void Read_CgroupV1_ReadsItsOwnFiles()
    {
        using var root = Root("5:cpu:/\n4:memory,hugetlb:/x\n0::/");
        Write(root, "proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw");
        Write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
        Write(root, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", $"{600 * Mib}");
        Write(root, "sys/fs/cgroup/memory/x/memory.usage_in_bytes", $"{500 * Mib}");
        Write(root, "sys/fs/cgroup/memory/x/memory.stat", $"cache 5\ntotal_inactive_file {300 * Mib}\ntotal_active_file 0");
        Assert.Equal(new MachineMemory(600 * Mib, 400 * Mib, "the cgroup /x"), new SystemMemoryGauge(root.Path).Read());
    }

    [Fact]
    public void Read_InAContainer_FindsTheLimitAtTheMountsRoot()
    {
        using var root = Root("0::/host/pod/of/which/nothing/is/mounted");
        Write(root, "proc/self/mountinfo", "30 20 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw");
        Write(root, "sys/fs/cgroup/memory.max", $"{512 * Mib}");
        Write(root, "sys/fs/cgroup/memory.current", $"{12 * Mib}");
        Assert.Equal(new MachineMemory(512 * Mib, 500 * Mib, "the cgroup /"), new SystemMemoryGauge(root.Path).Read());
    }

    [Fact]
    public void Read_ALimitAboveTheMachine_BindsNothing()
    {
        using var root = Root("0::/a");
        Write(root, "proc/self/mountinfo", "30 20 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
        Write(root, "sys/fs/cgroup/a/memory.max", $"{1L << 50}");
        Assert.Equal("the machine", new SystemMemoryGauge(root.Path).Read().LimitedBy);
    }

    [Fact]
    public void Read_Nonsense_IsAnErrorOrIgnored()
    {
        using var root = Root("0::/a\nx\n::");
        Write(root, "proc/self/mountinfo", "nonsense\n - \n30 20 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
        Write(root, "sys/fs/cgroup/a/memory.max", "-5");
        Assert.Equal("the machine", new SystemMemoryGauge(root.Path).Read().LimitedBy);
        Write(root, "proc/meminfo", "MemTotal: many kB");
        Assert.Equal(ErrorKind.Io, Assert.Throws<StokerException>(() => new SystemMemoryGauge(root.Path).Read()).Kind);
    }

    [Fact]
    public void Read_ThisMachine_HasSomeMemory()
    {
        var memory = new SystemMemoryGauge().Read();
        Assert.InRange(memory.AvailableBytes, 1, memory.TotalBytes);
    }

    private static TempFolder Root(string cgroup)
    {
        var root = new TempFolder();
        Write(root, "proc/meminfo", "MemTotal:       16777216 kB\nMemFree:        1 kB\nMemAvailable:    8388608 kB");
        Write(root, "proc/self/cgroup", cgroup);
        return root;
    }

    private static void Write(TempFolder root, string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(root.File(path))!);
        File.WriteAllText(root.File(path), text + "\n");
    }
}
