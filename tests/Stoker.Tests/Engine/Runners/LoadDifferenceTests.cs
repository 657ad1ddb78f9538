using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Llama;

namespace Stoker.Tests.Engine.Runners;

public sealed class LoadDifferenceTests
{
    private static readonly LoadedReport Report = new()
    {
        Description = "", ContextTokens = 8192, TrainedContextTokens = 32768, Threads = 2, VocabularySize = 1, HasChatTemplate = true, LoadMs = 1, Slots = 4, KvMode = KvMode.Ssd,
    };

    [Fact]
    public void WhatIsThereAnyway_IsNoDifference()
    {
        Assert.Empty(LoadDifference.Of(new LoadOptions(), Report, new LoadOptions()));
        var asked = new LoadOptions { ContextTokens = 8192, Threads = 2, Parallel = 4, Kv = KvMode.Ssd, KvType = KvType.F16, SyncSessions = false };
        Assert.Empty(LoadDifference.Of(new LoadOptions(), Report, asked));
        // More threads than there are: they were asked for before, too.
        Assert.Empty(LoadDifference.Of(new LoadOptions { Threads = 64 }, Report, new LoadOptions { Threads = 64 }));
        Assert.Empty(LoadDifference.Of(new LoadOptions { Kv = KvMode.Ssd }, Report, new LoadOptions { Kv = KvMode.Auto }));
    }

    [Fact]
    public void EachOption_IsToldAsOnTheCommandLine()
    {
        var asked = new LoadOptions
        {
            ContextTokens = 4096, Threads = 1, Parallel = 1, Kv = KvMode.Ram, KvType = KvType.Q8, KvWindowTokens = 2048, Repack = false, GpuLayers = 3, SyncSessions = true,
        };
        Assert.Equal(
            [
                "--ctx 8192, not 4096", "--threads 2, not 1", "--parallel 4, not 1", "--kv ssd, not ram", "--kv-type f16, not q8_0", "--kv-window the default, not 2048", "--repack auto, not off",
                "--ngl the default, not 3", "--durability process, not fsync",
            ],
            LoadDifference.Of(new LoadOptions(), Report, asked));
        Assert.Equal(["--ctx 8192, not the default"], LoadDifference.Of(new LoadOptions { ContextTokens = 8192 }, Report, new LoadOptions()));
        Assert.Equal(["--kv ram, not auto"], LoadDifference.Of(new LoadOptions { Kv = KvMode.Ram }, Report with { KvMode = KvMode.Ram }, new LoadOptions()));
    }
}
