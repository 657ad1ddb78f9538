using System.Text;
using Stoker.Core.Errors;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Server.Http;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary><c>/v1/chat/completions</c>.</summary>
public sealed class ChatCompletionsEndpoint(IInferenceEngine engine, GenerationMetrics metrics, TimeProvider time)
{
    public void Map(RouteTable routes) => routes.Add("POST", "/v1/chat/completions", Exposure.Api, AnswerAsync);

    private async Task AnswerAsync(HttpCall call)
    {
        GenerationCall asked;
        using (var body = await RequestBody.ReadObjectAsync(call)) asked = ChatRequestReader.Read(body.RootElement);
        var run = new GenerationRun(engine, metrics, time);
        var steps = run.StepsAsync(asked, call.Trust, call.Scope, call.Limits.StreamHeartbeat, call.Aborted);
        if (asked.Stream) await new AnswerStream(call, new ChatFrames(asked, time)).WriteAsync(steps, asked);
        else await WholeAsync(call, asked, steps);
    }

    private async Task WholeAsync(HttpCall call, GenerationCall asked, IAsyncEnumerable<RunStep> steps)
    {
        var answer = await WholeAnswer.CollectAsync(steps, asked.Request.LogProbs is not null, call.Aborted);
        var completion = new ChatCompletion
        {
            Id = Words.NewId("chatcmpl-"),
            Created = time.GetUtcNow().ToUnixTimeSeconds(),
            Model = asked.Model,
            Choices =
            [
                new ChatChoice
                {
                    Message = new AnswerMessage("assistant", answer.Text),
                    FinishReason = Words.Of(answer.Finished.Reason),
                    Logprobs = answer.Tokens is { } tokens ? Words.ChatLogProbsOf(tokens) : null,
                },
            ],
            Usage = Words.UsageOf(answer.Finished.Usage),
            Timings = Words.TimingsOf(answer.Finished.Usage),
        };
        await JsonResponse.WriteAsync(call.Http, completion, OpenAiJson.Default.ChatCompletion);
    }
}

/// <summary>An answer that is told at once. Bounded by the model's context.</summary>
internal sealed record WholeAnswer(string Text, IReadOnlyList<TokenSample>? Tokens, GenerationFinished Finished)
{
    public static async Task<WholeAnswer> CollectAsync(IAsyncEnumerable<RunStep> steps, bool keepTokens, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var tokens = keepTokens ? new List<TokenSample>() : null;
        await foreach (var step in steps.WithCancellation(cancellationToken))
        {
            switch (step.Event)
            {
                case TokensGenerated generated:
                    text.Append(generated.Text);
                    tokens?.AddRange(generated.Tokens);
                    break;
                case GenerationFinished finished:
                    ThrowIfCancelled(finished);
                    return new WholeAnswer(text.ToString(), tokens, finished);
            }
        }
        throw new StokerException(ErrorKind.Unavailable, "The answer ended before it was whole; ask again.");
    }

    /// <summary>The client is still here, so somebody else ended it (the model is unloading, the daemon ends): no whole answer.</summary>
    public static void ThrowIfCancelled(GenerationFinished finished)
    {
        if (finished.Reason == FinishReason.Cancelled)
            throw new StokerException(ErrorKind.Unavailable, "The answer was cut short because its model is being unloaded; ask again.");
    }
}
