using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>The prompt through the model in micro-batches, then token by token until something ends the answer.</summary>
internal sealed class DecodeLoop(LlamaContext context, LlamaBatch batch, LlamaSampler sampler, Func<int, byte[]> bytesOf)
{
    private const int Sequence = 0;

    internal void Run(GenerationRequest request, int[] prompt, SamplerSettings settings, int contextTokens, Action<GenerationEvent> emit, CancellationToken cancellationToken)
    {
        emit(new GenerationStarted(prompt.Length, CachedTokens: 0));
        if (request.Echo) emit(new TokensGenerated(TextOf(prompt), []));
        foreach (var token in prompt.AsSpan()[^Math.Min(prompt.Length, settings.PenaltyLastTokens)..]) sampler.Remember(token);

        var watch = Stopwatch.StartNew();
        context.Clear();
        Prefill(prompt, emit, cancellationToken);
        var prefillMs = watch.Elapsed.TotalMilliseconds;

        var answer = new AnswerText(request.Stop);
        var limit = Math.Min(request.MaxTokens ?? int.MaxValue, contextTokens - prompt.Length);
        var (reason, generated) = Decode(request, prompt.Length, limit, answer, emit, cancellationToken);
        if (answer.Finish() is { } rest) emit(rest);
        var usage = new GenerationUsage(prompt.Length, 0, generated, prefillMs, watch.Elapsed.TotalMilliseconds - prefillMs) { Seed = settings.Seed };
        emit(new GenerationFinished(answer.StopFound is null ? reason : FinishReason.Stop, usage) { StopString = answer.StopFound });
    }

    private void Prefill(int[] prompt, Action<GenerationEvent> emit, CancellationToken cancellationToken)
    {
        for (var done = 0; done < prompt.Length;)
        {
            batch.Clear();
            var end = Math.Min(prompt.Length, done + batch.Capacity);
            for (; done < end; done++) batch.Add(prompt[done], done, Sequence, wantLogits: done == prompt.Length - 1);
            DecodeBatch(cancellationToken);
            if (done < prompt.Length) emit(new PrefillProgress(done, prompt.Length));
        }
    }

    private (FinishReason Reason, int Generated) Decode(
        GenerationRequest request, int position, int limit, AnswerText answer, Action<GenerationEvent> emit, CancellationToken cancellationToken)
    {
        var describe = request.LogitHashes || request.LogProbs is not null;
        for (var generated = 0; ;)
        {
            int token;
            try
            {
                token = sampler.Sample(context, batch.Count - 1);
            }
            catch (LlamaException error) when (error.Failure == LlamaFailure.GrammarDeadEnd)
            {
                return (FinishReason.Stop, generated); // all that the grammar allows has been said
            }
            generated++;
            if (!request.IgnoreEos && context.Model.IsEndOfGeneration(token)) return (FinishReason.Stop, generated);
            var sample = describe ? LogitMath.Describe(token, context.Logits(batch.Count - 1), request, bytesOf) : new TokenSample(token, bytesOf(token));
            if (answer.Push(sample) is { } told) emit(told);
            if (answer.StopFound is not null) return (FinishReason.Stop, generated);
            if (generated == limit) return (FinishReason.Length, generated);
            batch.Clear();
            batch.Add(token, position++, Sequence, wantLogits: true);
            DecodeBatch(cancellationToken);
        }
    }

    private void DecodeBatch(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var result = context.Decode(batch);
        cancellationToken.ThrowIfCancellationRequested();
        if (result == DecodeResult.Done) return;
        throw result == DecodeResult.NoRoom
            ? new StokerException(ErrorKind.ContextOverflow, "The context is full.")
            : new StokerException(ErrorKind.Internal, $"llama.cpp could not decode ({result}); the runner's log has its reason.");
    }

    private string TextOf(int[] tokens)
    {
        var characters = new Utf8Assembler();
        return string.Concat(tokens.Select(token => characters.Push(bytesOf(token)))) + characters.Flush();
    }
}
