using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Tests.Engine.Kv;

/// <summary>
/// What a context in files is checked for at every start, each check made to fail: cells lie in memory then and compute what memory
/// computes, or with <c>--kv ssd</c> there is an error with the same reason before anything is decoded.
/// </summary>
public sealed class SelfCheckTests : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <summary>Shape, what is spoilt, a word of the reason.</summary>
    public static TheoryData<string, string, string> Faults => new()
    {
        { "tiny", "row bytes", "does not take the state" },
        { "tiny", "keys and values", "elsewhere" },
        { "tiny", "cell type", "does not take the state" },
        { "tiny", "a layer less", "does not take the state" },
        { "gemma3t", "a cache less", "writes more, or less" },
        { "granitet", "row bytes", "does not take the state" },
        { "tiny", "refused context", "makes no context" },
        { "narrowt", "nothing", "does not fill whole pages" }, // by itself: 256 cells of 24 bytes
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Faults))]
    public void Create_ACheckThatFails_IsMemoryWithTheReason_OrAnErrorWhereFilesWereAskedFor(string shape, string fault, string word)
    {
        var options = new KvOptions
        {
            Mode = KvMode.Auto, ContextTokens = 256, Slots = 2, Threads = 1, MicroBatch = 64, SessionsFolder = _folder.Path, Fault = FaultOf(fault),
        };
        using var rig = new KvRig(shape, options);
        Assert.Equal(KvMode.Ram, rig.Kv.Mode);
        Assert.Contains(word, rig.Kv.Reason, StringComparison.Ordinal);
        using var plain = new KvRig(shape, options with { Mode = KvMode.Ram, Fault = null });
        Assert.Equal(plain.Decode(1, conversation: 1, tokens: 90), rig.Decode(1, conversation: 1, tokens: 90));

        var error = Assert.Throws<StokerException>(() => new KvRig(shape, options with { Mode = KvMode.Ssd }));
        Assert.Equal(ErrorKind.Unsupported, error.Kind);
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.Contains("--kv auto", error.Message, StringComparison.Ordinal);
    }

    private static KvFault FaultOf(string fault) => fault switch
    {
        "row bytes" => OfCaches(static cache => cache with { Keys = [.. cache.Keys.Select(static row => row with { RowBytes = row.RowBytes + 16 })] }),
        "keys and values" => OfCaches(static cache => cache with { Keys = cache.Values, Values = cache.Keys }),
        "cell type" => OfCaches(static cache => cache with { KeyType = KvType.F32 }),
        "a layer less" => OfCaches(static cache => cache with { Keys = [.. cache.Keys.Skip(1)], Values = [.. cache.Values.Skip(1)] }),
        "a cache less" => new KvFault(Found: static shape => shape with { Caches = [.. shape.Caches.Skip(1)] }),
        "refused context" => new KvFault(Asked: static asked => asked with { MaxSequences = 300 }), // 256 is the most
        _ => new KvFault(),
    };

    private static KvFault OfCaches(Func<BlobCache, BlobCache> change) => new(Found: shape => shape with { Caches = [.. shape.Caches.Select(change)] });
}
