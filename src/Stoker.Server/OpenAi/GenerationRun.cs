using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Server.Http;

namespace Stoker.Server.OpenAi;

/// <summary>What happens during a generation: an event of the engine's, a stage's progress, or (both null) nothing for a while.</summary>
internal readonly record struct RunStep(GenerationEvent? Event, StageProgress? Progress);

/// <summary>
/// One generation, seen from an endpoint: the engine's events, with what it tells of loading and heartbeats between them until the
/// first token, and counted. Leaving the enumeration early stops the generation.
/// </summary>
internal sealed class GenerationRun(IInferenceEngine engine, GenerationMetrics metrics, TimeProvider time)
{
    private const string UnknownModel = "(unknown)";

    /// <exception cref="StokerException">As <see cref="IInferenceEngine.GenerateAsync"/>; NotFound has OpenAI's words.</exception>
    public async IAsyncEnumerable<RunStep> StepsAsync(GenerationCall call, CallerTrust trust, string scope, TimeSpan heartbeat, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var model = await LabelOfAsync(call.Model, trust, cancellationToken);
        // One place: it says "look at the board", which keeps the latest of every stage however slow we are.
        var told = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        var board = new StageBoard { Changed = () => told.Writer.TryWrite(true) };
        var context = call.ContextFor(trust, scope, board);
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var events = engine.GenerateAsync(call.Model, call.Request, context, leaving.Token).GetAsyncEnumerator(leaving.Token);
        var next = Task.FromResult(true);
        var outcome = "cancelled";
        var sawToken = false;
        try
        {
            while (true)
            {
                next = MoveAsync(events, kind => outcome = kind);
                if (!sawToken)
                {
                    await foreach (var step in WaitAsync(next, told.Reader, board, heartbeat, leaving.Token))
                    {
                        if (step.Progress is { } progress) metrics.Told(model, progress);
                        yield return step;
                    }
                }
                if (!await next) break;
                var current = events.Current;
                if (current is TokensGenerated && !sawToken)
                {
                    sawToken = true;
                    metrics.FirstToken(model, Stopwatch.GetElapsedTime(started));
                }
                if (current is GenerationFinished finished)
                {
                    outcome = "";
                    metrics.Finished(model, finished);
                }
                yield return new RunStep(current, null);
            }
        }
        finally
        {
            // A move under way must end before its enumerator may be disposed.
            await leaving.CancelAsync();
            await next.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            await events.DisposeAsync();
            if (outcome.Length > 0) metrics.Failed(model, outcome);
        }
    }

    /// <summary>The own name of a model that is here. What a client writes is no label: it can invent any number of names.</summary>
    private async Task<string> LabelOfAsync(string model, CallerTrust trust, CancellationToken cancellationToken)
    {
        try
        {
            return (await engine.FindAsync(model, trust, cancellationToken))?.Name ?? UnknownModel;
        }
        catch (StokerException)
        {
            return UnknownModel; // the engine is about to say the same
        }
    }

    /// <summary>The next event; a failure is counted, and a model that is not there is told in OpenAI's words.</summary>
    private static async Task<bool> MoveAsync(IAsyncEnumerator<GenerationEvent> events, Action<string> onFailure)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (StokerException exception)
        {
            onFailure(exception.Kind.ToString());
            if (exception.Kind == ErrorKind.NotFound) throw new RequestException(ErrorKind.NotFound, exception.Message, "model", "model_not_found");
            throw;
        }
    }

    /// <summary>Until <paramref name="next"/> has ended: what the board tells, and heartbeats.</summary>
    private async IAsyncEnumerable<RunStep> WaitAsync(
        Task next,
        ChannelReader<bool> told,
        StageBoard board,
        TimeSpan heartbeat,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var beat = Task.Delay(heartbeat, time, ending.Token);
        var news = told.WaitToReadAsync(ending.Token).AsTask();
        while (!next.IsCompleted)
        {
            await Task.WhenAny(next, news, beat);
            if (cancellationToken.IsCancellationRequested) break;
            if (news.IsCompleted)
            {
                while (told.TryRead(out _))
                {
                }
                foreach (var progress in board.TakeChanged()) yield return new RunStep(null, progress);
                news = told.WaitToReadAsync(ending.Token).AsTask();
            }
            if (!beat.IsCompleted) continue;
            beat = Task.Delay(heartbeat, time, ending.Token);
            if (!next.IsCompleted) yield return default;
        }
        await ending.CancelAsync();
        foreach (var progress in board.TakeChanged()) yield return new RunStep(null, progress);
    }
}
