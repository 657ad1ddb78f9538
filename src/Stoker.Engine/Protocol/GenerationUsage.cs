namespace Stoker.Engine.Protocol;

/// <summary>Counts and times of one generation; times in milliseconds, measured in the runner.</summary>
public sealed record GenerationUsage(int PromptTokens, int CachedTokens, int GeneratedTokens, double PrefillMs, double DecodeMs)
{
    /// <summary>The seed that was used.</summary>
    public uint Seed { get; init; }
}
