using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Core.Progress;
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
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _heartbeats;
    private long _lastWrite;
    private bool _sawToken;

    public async Task WriteAsync(IAsyncEnumerable<RunStep> steps, GenerationCall asked)
    {
        try
        {
            await foreach (var step in steps.WithCancellation(call.Aborted))
            {
                if (step.Event is { } happened) await WriteEventAsync(happened, asked.Extension.Progress);
                else if (step.Progress is { } progress) await WriteProgressAsync(progress, asked.Extension.Progress);
                else await BeatAsync();
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

    private async ValueTask WriteEventAsync(GenerationEvent happened, bool tellProgress)
    {
        switch (happened)
        {
            case GenerationStarted:
                await frames.StartedAsync(_sse);
                break;
            case PrefillProgress prefill:
                await WritePrefillAsync(prefill, tellProgress);
                break;
            case TokensGenerated generated:
                if (!_sawToken && tellProgress) await WriteProgressAsync(new StageProgress(Stage.FirstToken, null, 0, null, ElapsedMs, IsDone: true), tell: true);
                _sawToken = true;
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

    private double ElapsedMs => Stopwatch.GetElapsedTime(_started).TotalMilliseconds;

    private ValueTask WriteProgressAsync(StageProgress progress, bool tell) =>
        tell ? _sse.WriteAsync(progress, ProgressJson.Default.StageProgress, "progress") : ValueTask.CompletedTask;

    /// <summary>A long prompt is a long silence: who asked is told how far it is, everybody else that we live.</summary>
    private async ValueTask WritePrefillAsync(PrefillProgress prefill, bool tellProgress)
    {
        var note = $"{prefill.DoneTokens}/{prefill.TotalTokens} tokens";
        if (tellProgress)
            await WriteProgressAsync(new StageProgress(Stage.Prefill, null, 0, null, ElapsedMs, prefill.DoneTokens >= prefill.TotalTokens) { Note = note }, tell: true);
        else if (_sse.HasBegun && Stopwatch.GetElapsedTime(_lastWrite) >= call.Limits.StreamHeartbeat)
            await _sse.WriteCommentAsync($"prefill {note}");
    }

    private ValueTask BeatAsync()
    {
        _heartbeats++;
        return _sse.HasBegun || _heartbeats >= SilentHeartbeats ? _sse.WriteCommentAsync("waiting") : ValueTask.CompletedTask;
    }
}
