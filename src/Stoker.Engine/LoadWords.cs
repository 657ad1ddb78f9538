using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine;

/// <summary>How people write what a model is loaded with. Pure.</summary>
public static class LoadWords
{
    /// <summary>As the settings say.</summary>
    public static LoadOptions Of(StokerOptions options) => new()
    {
        ContextTokens = options.ContextTokens,
        Threads = options.Threads,
        Parallel = options.Parallel,
        Kv = Kv(options.Kv),
        KvType = KvType(options.KvType),
        KvWindowTokens = options.KvWindowTokens,
        Repack = Repack(options.Repack),
        GpuLayers = options.GpuLayers,
        SyncSessions = SyncSessions(options.Durability),
    };

    /// <exception cref="StokerException">InvalidInput.</exception>
    public static KvMode Kv(string word) => word.ToLowerInvariant() switch
    {
        "auto" => KvMode.Auto,
        "ssd" => KvMode.Ssd,
        "ram" => KvMode.Ram,
        _ => throw Wrong("kv", word, ["auto", "ssd", "ram"]),
    };

    /// <exception cref="StokerException">InvalidInput.</exception>
    public static KvType KvType(string word) => KvTypeWord.Types.TryGetValue(word, out var type) ? type : throw Wrong("kv_type", word, KvTypeWord.Types.Keys);

    /// <summary>Null: as llama.cpp decides.</summary>
    /// <exception cref="StokerException">InvalidInput.</exception>
    public static bool? Repack(string word) => word.ToLowerInvariant() switch
    {
        "auto" => null,
        "on" => true,
        "off" => false,
        _ => throw Wrong("repack", word, ["auto", "on", "off"]),
    };

    /// <summary>What snapshots of sessions survive: true, the loss of power too.</summary>
    /// <exception cref="StokerException">InvalidInput.</exception>
    public static bool SyncSessions(string durability) => durability.ToLowerInvariant() switch
    {
        "process" => false,
        "fsync" => true,
        _ => throw Wrong("durability", durability, ["process", "fsync"]),
    };

    private static StokerException Wrong(string what, string word, IEnumerable<string> words) =>
        new(ErrorKind.InvalidInput, $"{what}: '{Printable.Short(word)}' is none of {string.Join(", ", words)}.");
}
