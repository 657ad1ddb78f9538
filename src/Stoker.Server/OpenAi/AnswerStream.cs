using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Server.Http;
using Stoker.Server.Http.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary>What a dialect writes for each thing that happens to an answer.</summary>
internal interface IAnswerFrames
{
    /// <summary>The prompt fits; tokens will come.</summary>
    ValueTask StartedAsync(SseWriter sse);

    ValueTask TokensAsync(SseWriter sse, TokensGenerated generated);

    /// <summary>The reason, and usage where it was asked for; <c>[DONE]</c> is not theirs.</summary>
    ValueTask FinishedAsync(SseWriter sse, GenerationFinished finished);
}

/// <summary>
/// An answer told as it comes. What fails before anything was written has a status of its own; after that it is one event with the
/// error, and no <c>[DONE]</c>. A client that has gone ends the generation.
/// </summary>
internal sealed class AnswerStream(HttpCall call, IAnswerFrames frames)
{
    /// <summary>A request that waits this many heartbeats for its model is told so, though a late failure then has no status.</summary>
    private const int SilentHeartbeats = 3;

    private readonly SseWriter _sse = new(call.Http);
    private int _heartbeats;
    private long _lastWrite;

    public async Task WriteAsync(IAsyncEnumerable<RunStep> steps, GenerationCall asked)
    {
        try
        {
            await foreach (var step in steps.WithCancellation(call.Aborted))
            {
                if (step.Event is { } happened) await WriteEventAsync(happened);
                else if (step.Progress is null) await BeatAsync();
                else if (asked.Extension.Progress) await _sse.WriteAsync(step.Progress, ProgressJson.Default.StageProgress, "progress");
            }
        }
        catch (Exception exception) when (_sse.HasBegun && !call.Aborted.IsCancellationRequested)
        {
            // A root for exceptions like the front's own, because the answer has begun: a defect, too, ends this stream alone.
            call.FailedMidway = exception;
            await _sse.WriteErrorAsync(exception is OperationCanceledException
                ? new StokerException(ErrorKind.Cancelled, "The answer was cancelled.", exception)
                : exception);
        }
    }

    private async ValueTask WriteEventAsync(GenerationEvent happened)
    {
        switch (happened)
        {
            case GenerationStarted:
                await frames.StartedAsync(_sse);
                break;
            case PrefillProgress prefill:
                // A long prompt is a long silence.
                if (!_sse.HasBegun || Stopwatch.GetElapsedTime(_lastWrite) < call.Limits.StreamHeartbeat) return;
                await _sse.WriteCommentAsync($"prefill {prefill.DoneTokens}/{prefill.TotalTokens} tokens");
                break;
            case TokensGenerated generated:
                await frames.TokensAsync(_sse, generated);
                break;
            case GenerationFinished finished:
                WholeAnswer.ThrowIfCancelled(finished);
                await frames.FinishedAsync(_sse, finished);
                await _sse.WriteDoneAsync();
                break;
        }
        _lastWrite = Stopwatch.GetTimestamp();
    }

    private ValueTask BeatAsync()
    {
        _heartbeats++;
        return _sse.HasBegun || _heartbeats >= SilentHeartbeats ? _sse.WriteCommentAsync("waiting") : ValueTask.CompletedTask;
    }
}
