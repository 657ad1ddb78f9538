using Stoker.Core.Models;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Chat;

/// <summary>What a model's publisher set, where a request says nothing and the value means something. Pure.</summary>
public static class RequestDefaults
{
    public static GenerationRequest Apply(GenerationRequest request, ModelDefaults? defaults)
    {
        if (defaults is null) return request;
        var sampling = new SamplingOptions
        {
            Temperature = Within(defaults.Temperature, 0, 5),
            TopK = defaults.TopK is >= 0 ? defaults.TopK : null,
            TopP = Within(defaults.TopP, float.Epsilon, 1),
            MinP = Within(defaults.MinP, 0, 1),
            RepeatPenalty = Within(defaults.RepeatPenalty, float.Epsilon, 10),
            RepeatLastN = defaults.RepeatLastN is >= -1 ? defaults.RepeatLastN : null,
            PresencePenalty = Within(defaults.PresencePenalty, -2, 2),
            FrequencyPenalty = Within(defaults.FrequencyPenalty, -2, 2),
            Seed = defaults.Seed,
        };
        var stop = UsableStops(defaults.Stop);
        // What an answer began with goes before these: only the runner knows that.
        if (request.Continue) return request with { ModelSampling = sampling, ModelStop = stop };
        return request with { Stop = request.Stop.Count > 0 ? request.Stop : stop, Sampling = request.Sampling.Or(sampling) };
    }

    /// <summary>How a model is loaded: as the request says, else its publisher, else the configuration.</summary>
    public static LoadOptions Apply(LoadOptions? asked, ModelDefaults? defaults, LoadOptions configured) => new()
    {
        ContextTokens = asked?.ContextTokens ?? defaults?.ContextTokens ?? configured.ContextTokens,
        Threads = asked?.Threads ?? configured.Threads,
        Repack = asked?.Repack ?? configured.Repack,
        Parallel = asked?.Parallel ?? configured.Parallel,
        Kv = asked?.Kv ?? configured.Kv,
        KvType = asked?.KvType ?? configured.KvType,
        KvWindowTokens = asked?.KvWindowTokens ?? configured.KvWindowTokens,
        GpuLayers = asked?.GpuLayers ?? configured.GpuLayers,
        SyncSessions = asked?.SyncSessions ?? configured.SyncSessions,
    };

    // What a publisher wrote wrongly must not make every request fail: it is left out.
    private static float? Within(float? value, float least, float most) => value >= least && value <= most ? value : null;

    private static string[] UsableStops(IReadOnlyList<string> stops) =>
        [.. stops.Where(static stop => stop.Length is > 0 and <= GenerationChecks.MaxStopLength).Take(GenerationChecks.MaxStops)];
}
