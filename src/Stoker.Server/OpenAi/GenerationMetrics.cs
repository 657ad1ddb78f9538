using Stoker.Core.Progress;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Server.Http;

namespace Stoker.Server.OpenAi;

/// <summary>What is counted about answers and models. Thread-safe.</summary>
public sealed class GenerationMetrics
{
    private readonly MetricCounter _answers;
    private readonly MetricCounter _promptTokens;
    private readonly MetricCounter _cachedTokens;
    private readonly MetricCounter _generatedTokens;
    private readonly MetricCounter _prefillSeconds;
    private readonly MetricCounter _decodeSeconds;
    private readonly MetricCounter _loads;
    private readonly MetricCounter _loadSeconds;
    private readonly MetricHistogram _firstToken;

    public GenerationMetrics(MetricRegistry registry, IInferenceEngine engine)
    {
        _answers = registry.Counter("stoker_answers_total", "Answers by how they ended (stop, length, cancelled, or the kind of error).", "model", "outcome");
        _promptTokens = registry.Counter("stoker_prompt_tokens_total", "Tokens of prompts.", "model");
        _cachedTokens = registry.Counter("stoker_cached_prompt_tokens_total", "Tokens of prompts that were in the KV cache already.", "model");
        _generatedTokens = registry.Counter("stoker_generated_tokens_total", "Tokens generated.", "model");
        _prefillSeconds = registry.Counter("stoker_prefill_seconds_total", "Time spent on prompts.", "model");
        _decodeSeconds = registry.Counter("stoker_decode_seconds_total", "Time spent generating.", "model");
        _loads = registry.Counter("stoker_model_loads_total", "Models loaded for a request.", "model");
        _loadSeconds = registry.Counter("stoker_model_load_seconds_total", "Time spent loading models.", "model");
        _firstToken = registry.Histogram("stoker_first_token_seconds", "From a request to its first token, waiting and loading included.", [0.05, 0.2, 0.5, 1, 2, 5, 10, 30, 120], "model");
        registry.Gauge("stoker_model_requests", "Requests running and waiting at a model.", () => engine.ListLoaded().Select(static model => (Label(model), (double)model.Requests)));
        registry.Gauge("stoker_model_reserved_bytes", "Memory that the budget holds for a model.", () => engine.ListLoaded().Select(static model => (Label(model), (double)model.ReservedBytes)));
        registry.Gauge("stoker_models_loaded", "Models loaded or loading.", () => [("", engine.ListLoaded().Count)]);
    }

    internal void Finished(string model, GenerationFinished finished)
    {
        _answers.Add(1, model, Words.Of(finished.Reason));
        _promptTokens.Add(finished.Usage.PromptTokens, model);
        _cachedTokens.Add(finished.Usage.CachedTokens, model);
        _generatedTokens.Add(finished.Usage.GeneratedTokens, model);
        _prefillSeconds.Add(finished.Usage.PrefillMs / 1000, model);
        _decodeSeconds.Add(finished.Usage.DecodeMs / 1000, model);
    }

    internal void Failed(string model, string outcome) => _answers.Add(1, model, outcome);

    internal void FirstToken(string model, TimeSpan elapsed) => _firstToken.Observe(elapsed.TotalSeconds, model);

    internal void Told(string model, StageProgress progress)
    {
        if (progress is not { Stage: Stage.Load, IsDone: true }) return;
        _loads.Add(1, model);
        _loadSeconds.Add(progress.ElapsedMs / 1000, model);
    }

    private static string Label(LoadedModel model) => MetricRegistry.Labels(["model"], [model.Name]);
}
