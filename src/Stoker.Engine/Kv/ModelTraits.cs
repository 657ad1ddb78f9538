using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>What decides whether a model's cells can lie in files.</summary>
public sealed record ModelTraits(string Architecture, RopeKind Rope, bool IsRecurrent, bool IsHybrid, int WindowTokens, bool HasLatentAttention)
{
    /// <summary>Read off a loaded model.</summary>
    public static ModelTraits Of(LlamaModel model)
    {
        var architecture = model.Metadata("general.architecture") ?? "";
        return new ModelTraits(
            architecture,
            model.Rope,
            model.IsRecurrent,
            model.IsHybrid,
            model.WindowTokens,
            HasLatentAttention: model.Metadata($"{architecture}.attention.kv_lora_rank") is not null);
    }

    /// <summary>Why files are not tried, in words for people; null: they are. The self-check has the last word then. Pure.</summary>
    public string? WhyNotInFiles() => this switch
    {
        { HasLatentAttention: true } => $"{Architecture} has latent attention (MLA), whose cells Stoker does not keep in files yet",
        { Rope: RopeKind.Multi or RopeKind.Interleaved or RopeKind.Vision } => $"{Architecture} gives a token several positions (M-RoPE), which Stoker does not keep in files yet",
        { Architecture: "llama4" } => "llama4 attends in chunks, which Stoker does not keep in files yet",
        { IsHybrid: true, WindowTokens: > 0 } => $"{Architecture} has recurrent layers and a sliding window, which Stoker does not keep in files together yet",
        { IsRecurrent: true, IsHybrid: false } => $"{Architecture} is recurrent: it has a state of fixed size and no cells",
        _ => null,
    };
}
