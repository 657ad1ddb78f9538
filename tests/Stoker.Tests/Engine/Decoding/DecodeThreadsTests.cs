using Stoker.Engine.Decoding;

namespace Stoker.Tests.Engine.Decoding;

public sealed class DecodeThreadsTests
{
    [Theory]
    [InlineData("0,1,2,3", "0,0,1,1", null, 2)] // two threads a core
    [InlineData("0,1,2,3", "0,1,2,3", null, 4)]
    [InlineData("1,3", "0,0,1,1", null, 2)] // cpuset
    [InlineData("0,1,2,3", "0,1,2,3", 2.0, 2)]
    [InlineData("0,1,2,3", "0,1,2,3", 1.5, 1)] // half a processor would be stopped half the time
    [InlineData("0,1,2,3", "0,1,2,3", 0.2, 1)]
    [InlineData("0", "0", 16.0, 1)]
    [InlineData("", "", null, 1)] // the kernel does not say
    public void Count_OfWhatTheKernelSays(string allowed, string cores, double? quota, int expected)
    {
        var processors = allowed.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToArray();
        var coreOf = cores.Split(',');
        Assert.Equal(expected, DecodeThreads.Count(processors, processor => coreOf[processor], quota));
    }

    [Theory]
    [InlineData(4L << 20, 8, 1)]
    [InlineData(400L << 20, 8, 8)]
    [InlineData(400L << 20, 1, 1)]
    public void ForModel_SmallOnes_TakeOne(long bytes, int threads, int expected) => Assert.Equal(expected, DecodeThreads.ForModel(bytes, threads));

    [Theory]
    [InlineData(1, 2, 1)]
    [InlineData(1000, 2, 2)] // would spin for each other
    [InlineData(3, 0, 3)] // the kernel does not say
    public void Asked_NoMoreThanProcessors(int threads, int processors, int expected) => Assert.Equal(expected, DecodeThreads.Asked(threads, processors));

    [Fact]
    public void Count_NoTopology_EachProcessorCounts() => Assert.Equal(3, DecodeThreads.Count([0, 1, 2], static _ => null, null));

    [Theory]
    [InlineData("0::/a/b", "sys/fs/cgroup/a/cpu.max", "150000 100000", 1.5)] // a parent's
    [InlineData("0::/a/b", "sys/fs/cgroup/a/b/cpu.max", "max 100000", null)]
    [InlineData("0::/", "sys/fs/cgroup/cpu.max", "400000 100000", 4.0)]
    [InlineData("0::/../x", "sys/fs/cgroup/cpu.max", "300000 100000", 3.0)]
    [InlineData("0::/a", "sys/fs/cgroup/a/cpu.max", "nonsense", null)]
    [InlineData("0::/a", "sys/fs/cgroup/a/cpu.max", "100000 0", null)]
    public void QuotaCpus_Version2(string group, string file, string text, double? expected)
    {
        using var root = new TempFolder();
        Write(root, "proc/self/cgroup", group + "\n");
        Write(root, file, text + "\n");
        Assert.Equal(expected, DecodeThreads.QuotaCpus(root.Path));
    }

    [Theory]
    [InlineData("200000", "100000", 2.0)]
    [InlineData("-1", "100000", null)]
    public void QuotaCpus_Version1(string quota, string period, double? expected)
    {
        using var root = new TempFolder();
        Write(root, "proc/self/cgroup", "3:memory:/x\n2:cpu,cpuacct:/job\n");
        Write(root, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", quota);
        Write(root, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", period);
        Assert.Equal(expected, DecodeThreads.QuotaCpus(root.Path));
    }

    private static void Write(TempFolder root, string path, string text)
    {
        var full = root.File(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
