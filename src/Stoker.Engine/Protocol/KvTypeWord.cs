using Stoker.Native.Llama;

namespace Stoker.Engine.Protocol;

/// <summary>How people write a type of keys and values (<c>--kv-type</c>). Pure.</summary>
public static class KvTypeWord
{
    /// <summary>The words and what they mean, without regard to case.</summary>
    public static readonly IReadOnlyDictionary<string, KvType> Types = new Dictionary<string, KvType>(StringComparer.OrdinalIgnoreCase)
    {
        ["f32"] = KvType.F32,
        ["f16"] = KvType.F16,
        ["bf16"] = KvType.BF16,
        ["q8_0"] = KvType.Q8,
        ["q4_0"] = KvType.Q4,
    };

    /// <summary>The word for what a session's identity calls it; what is none comes back as it is.</summary>
    public static string Of(string name) =>
        Enum.TryParse<KvType>(name, ignoreCase: true, out var type) ? Types.FirstOrDefault(known => known.Value == type).Key ?? name : name;
}
