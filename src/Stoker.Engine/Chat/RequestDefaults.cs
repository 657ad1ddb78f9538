using Stoker.Core.Models;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Chat;

/// <summary>What a model's publisher set, where a request says nothing. Pure.</summary>
public static class RequestDefaults
{
    public static GenerationRequest Apply(GenerationRequest request, ModelDefaults? defaults)
    {
        if (defaults is null) return request;
        var asked = request.Sampling;
        return request with
        {
            Stop = request.Stop.Count > 0 ? request.Stop : defaults.Stop,
            Sampling = new SamplingOptions
            {
                Temperature = asked.Temperature ?? defaults.Temperature,
                TopK = asked.TopK ?? defaults.TopK,
                TopP = asked.TopP ?? defaults.TopP,
                MinP = asked.MinP ?? defaults.MinP,
                RepeatPenalty = asked.RepeatPenalty ?? defaults.RepeatPenalty,
                RepeatLastN = asked.RepeatLastN ?? defaults.RepeatLastN,
                PresencePenalty = asked.PresencePenalty ?? defaults.PresencePenalty,
                FrequencyPenalty = asked.FrequencyPenalty ?? defaults.FrequencyPenalty,
                Seed = asked.Seed ?? defaults.Seed,
            },
        };
    }

    /// <summary>How a model is loaded: as the request says, else its publisher, else the configuration.</summary>
    public static LoadOptions Apply(LoadOptions? asked, ModelDefaults? defaults, LoadOptions configured) => new()
    {
        ContextTokens = asked?.ContextTokens ?? defaults?.ContextTokens ?? configured.ContextTokens,
        Threads = asked?.Threads ?? configured.Threads,
        Repack = asked?.Repack ?? configured.Repack,
    };
}
