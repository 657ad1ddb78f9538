using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Server;

/// <summary>
/// An engine whose answers a test writes. Model <c>tiny</c> says "Hello world"; <c>gated</c> says what the test puts into its
/// <see cref="Gate"/>; a path is found for owners alone.
/// </summary>
internal sealed class FakeEngine : IInferenceEngine
{
    public const string Path = "/models/some.gguf";

    public Channel<object> Gate { get; } = Channel.CreateBounded<object>(1000);

    /// <summary>Thrown by the next generations before anything is said.</summary>
    public StokerException? Fails { get; set; }

    public List<(string Model, GenerationRequest Request, GenerationContext Context)> Asked { get; } = [];

    /// <summary>Completes when a gated generation has been stopped by its token.</summary>
    public TaskCompletionSource Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource GateEntered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<LoadedModel> Loaded { get; } = [new LoadedModel { Name = "tiny", State = LoadedState.Idle, Requests = 3, ReservedBytes = 1000 }];

    public string? Unloaded { get; private set; }

    public static IReadOnlyList<GenerationEvent> Hello { get; } =
    [
        new GenerationStarted(5, 2),
        new PrefillProgress(5, 5),
        Tokens("Hello", 1),
        Tokens(" ", 2),
        Tokens("wörld", 3),
        Finish(FinishReason.Stop, 3),
    ];

    public static GenerationFinished Finish(FinishReason reason, int tokens) => new(reason, new GenerationUsage(5, 2, tokens, 10, 20) { Seed = 42 });

    public static TokensGenerated Tokens(string text, int id) => new(text,
    [
        new TokenSample(id, Encoding.UTF8.GetBytes(text))
        {
            LogProb = -0.5f,
            Top = [new TokenAlternative(id, Encoding.UTF8.GetBytes(text), -0.5f), new TokenAlternative(9, [0xC3], float.NegativeInfinity)],
            LogitHash = (ulong)id,
        },
    ]);

    public Task<IReadOnlyList<ModelManifest>> ListInstalledAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelManifest>>([Manifest("tiny"), Manifest("gated"), Manifest("hf:org/repo:Q4_K_M")]);

    public Task<ModelManifest?> FindAsync(string model, CallerTrust trust, CancellationToken cancellationToken) =>
        model.StartsWith("hf:..", StringComparison.Ordinal)
            ? throw new StokerException(ErrorKind.InvalidInput, "That is no name of a model.")
            : Task.FromResult(model is "tiny" or "gated" or "hf:org/repo:Q4_K_M" || (model == Path && trust == CallerTrust.Owner) ? Manifest(model) : null);

    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(
        string model, GenerationRequest request, GenerationContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (await FindAsync(model, context.Trust, cancellationToken) is null) throw new StokerException(ErrorKind.NotFound, $"There is no model '{model}' here.");
        lock (Asked) Asked.Add((model, request, context));
        if (Fails is { } failure) throw failure;
        if (model != "gated")
        {
            foreach (var said in Hello) yield return said;
            yield break;
        }
        GateEntered.TrySetResult();
        while (true)
        {
            object said;
            try
            {
                said = await Gate.Reader.ReadAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                Stopped.TrySetResult();
                throw;
            }
            switch (said)
            {
                case Stoker.Core.Progress.StageProgress progress:
                    context.Progress!.Report(progress);
                    break;
                case Exception exception:
                    throw exception;
                case GenerationEvent happened:
                    yield return happened;
                    if (happened is GenerationFinished) yield break;
                    break;
            }
        }
    }

    public IReadOnlyList<LoadedModel> ListLoaded() => Loaded;

    public Task<Unloaded> UnloadAsync(string? model, bool now, CancellationToken cancellationToken)
    {
        Unloaded = (model ?? "*") + (now ? " now" : "");
        return Task.FromResult(new Unloaded(model is null or "tiny", now ? 1 : 0));
    }

    private static ModelManifest Manifest(string name) => new()
    {
        Name = name,
        Source = ModelSourceKind.HuggingFace,
        Files = [new ManifestFile { Name = "model.gguf", Role = FileRole.Weights, SizeBytes = 7 }],
        PulledAt = DateTimeOffset.UnixEpoch.AddSeconds(1000),
    };
}
