using System.Runtime.CompilerServices;
using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine.Chat;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;

namespace Stoker.Engine;

/// <summary>Composes supply, loader and pool into what the APIs see. Dispose it to end the runner.</summary>
public sealed class InferenceEngine : IInferenceEngine, ISessionHolders, IAsyncDisposable
{
    private readonly IModelSource _source;
    private readonly RunnerPool _pool;
    private readonly ModelLoader _loader;
    private readonly TimeProvider _time;

    public InferenceEngine(IModelSource source, MemoryLedger ledger, RunnerPoolOptions options, TimeProvider time)
    {
        _source = source;
        _time = time;
        _pool = new RunnerPool(options, time);
        _loader = new ModelLoader(source, _pool, ledger, time);
    }

    public Task<IReadOnlyList<ModelManifest>> ListInstalledAsync(CancellationToken cancellationToken) => _source.ListAsync(cancellationToken);

    public Task<ModelManifest?> FindAsync(string model, CallerTrust trust, CancellationToken cancellationToken) =>
        _loader.ResolveAsync(model, trust, cancellationToken);

    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(
        string model,
        GenerationRequest request,
        GenerationContext context,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        GenerationChecks.Check(request);
        var manifest = await _loader.ResolveAsync(model, context.Trust, cancellationToken) ?? throw NotInstalled(model);
        var (turn, running) = await EnterAsync(manifest, context, cancellationToken);
        using var held = turn;
        _pool.BeginAnswer();
        try
        {
            if (context.LoadOnly)
            {
                yield return new GenerationFinished(FinishReason.Stop, new GenerationUsage(0, 0, 0, 0, 0));
                yield break;
            }
            var steps = new AnswerStages(context.Progress, manifest.Name, _time);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, turn.Revoked);
            var asked = RequestDefaults.Apply(request with { Scope = context.Scope }, manifest.Defaults);
            await using var answer = running.Runner.GenerateAsync(asked, ending.Token).GetAsyncEnumerator(ending.Token);
            var next = answer.MoveNextAsync;
            while (await UnlessRevokedAsync(next, turn, manifest.Name, cancellationToken))
            {
                steps.Follow(answer.Current);
                yield return answer.Current;
            }
        }
        finally
        {
            await _pool.EndAnswerAsync(turn, context.KeepAlive);
        }
    }

    /// <summary>A place beside others in the loaded model; or alone, to load it first.</summary>
    private async Task<(TurnQueue.Turn Turn, RunningModel Running)> EnterAsync(ModelManifest manifest, GenerationContext context, CancellationToken cancellationToken)
    {
        var turn = await WaitAsync(manifest, context, cancellationToken);
        try
        {
            if (!turn.IsAlone)
            {
                if (_pool.Current is { IsUnchanged: true } current) return (turn, current);
                turn.Dispose(); // it ended just now, or its file was replaced
                turn = await _pool.EnterAsync(manifest, context.Load, alone: true, cancellationToken);
            }
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, turn.Revoked);
            var running = await UnlessRevokedAsync(() => new ValueTask<RunningModel>(_loader.LoadAsync(manifest, context, ending.Token)), turn, manifest.Name, cancellationToken);
            turn.Share();
            return (turn, running);
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    // Who waits is told for what, and that a loaded model goes for other options.
    private async Task<TurnQueue.Turn> WaitAsync(ModelManifest manifest, GenerationContext context, CancellationToken cancellationToken)
    {
        var (warning, underWay) = (_pool.WhyAnew(manifest, context.Load), _pool.UnderWay);
        var entering = _pool.EnterAsync(manifest, context.Load, alone: false, cancellationToken);
        if (entering.IsCompleted && warning is null) return await entering;
        var step = new StageClock(context.Progress, Stage.Wait, manifest.Name, _time, underWay is null ? null : $"for {underWay}", warning);
        var turn = await entering;
        step.Done();
        return turn;
    }

    private static async ValueTask<T> UnlessRevokedAsync<T>(Func<ValueTask<T>> work, TurnQueue.Turn turn, string model, CancellationToken cancellationToken)
    {
        try
        {
            return await work();
        }
        catch (OperationCanceledException) when (turn.Revoked.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // Not Unavailable: clients try that again by themselves, and would load it again.
            throw new StokerException(ErrorKind.Cancelled, $"{model} was unloaded while it answered (stoker stop --now). A session keeps what it had.");
        }
    }

    public IReadOnlyList<LoadedModel> ListLoaded() => _pool.List();

    public async Task ReleaseAsync(string sessionId, CancellationToken cancellationToken)
    {
        try
        {
            if (_pool.Current is { } current) await current.Runner.CloseSessionAsync(sessionId, null, cancellationToken);
        }
        catch (StokerException error) when (error.Kind == ErrorKind.Unavailable)
        {
            // It has ended, and holds nothing any more.
        }
    }

    public Task<Unloaded> UnloadAsync(string? model, bool now, CancellationToken cancellationToken) => _pool.UnloadAsync(model, now, cancellationToken);

    public ValueTask DisposeAsync() => _pool.DisposeAsync();

    private static StokerException NotInstalled(string model)
    {
        var name = Printable.Short(model);
        return new StokerException(ErrorKind.NotFound, $"There is no model '{name}' here. Fetch it first: stoker pull {name}");
    }

    /// <summary>The last two stages of the time line, seen in the answer's events.</summary>
    private sealed class AnswerStages(IProgress<StageProgress>? progress, string item, TimeProvider time)
    {
        private readonly StageClock _prefill = new(progress, Stage.Prefill, item, time);
        private StageClock? _check;
        private StageClock? _firstToken;
        private bool _told;

        internal void Follow(GenerationEvent told)
        {
            if (_told) return;
            switch (told)
            {
                case SessionCheckProgress check:
                    _check ??= new StageClock(progress, Stage.Verify, item, time);
                    _check.Progress(check.DoneBytes, check.TotalBytes);
                    break;
                case GenerationStarted:
                    _check?.Done(note: "the session's cells, after an unclean end");
                    break;
                case PrefillProgress prefill:
                    _prefill.Progress(prefill.DoneTokens, prefill.TotalTokens);
                    break;
                case TokensGenerated { Tokens.Count: > 0 } or GenerationFinished:
                    _prefill.Done();
                    _firstToken ??= new StageClock(progress, Stage.FirstToken, item, time);
                    _firstToken.Done();
                    _told = true;
                    break;
                default:
                    break;
            }
        }
    }
}
