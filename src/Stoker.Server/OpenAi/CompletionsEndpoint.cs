using Stoker.Core.Errors;
using Stoker.Engine;
using Stoker.Server.Http;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary><c>/v1/completions</c>, and a word about the routes that come with later versions.</summary>
public sealed class CompletionsEndpoint(IInferenceEngine engine, GenerationMetrics metrics, TimeProvider time)
{
    public void Map(RouteTable routes)
    {
        routes.Add("POST", "/v1/completions", Exposure.Api, AnswerAsync);
        routes.Add("POST", "/v1/embeddings", Exposure.Api, static _ =>
            throw new RequestException(ErrorKind.Unsupported, "Embeddings are not supported by this version: it answers /v1/chat/completions and /v1/completions.", code: "unsupported_route"));
    }

    private async Task AnswerAsync(HttpCall call)
    {
        GenerationCall asked;
        using (var body = await RequestBody.ReadObjectAsync(call)) asked = CompletionRequestReader.Read(body.RootElement);
        var run = new GenerationRun(engine, metrics, time);
        var steps = run.StepsAsync(asked, call.Trust, call.Scope, call.Limits.StreamHeartbeat, call.Aborted);
        if (asked.Stream) await new AnswerStream(call, new CompletionFrames(asked, time)).WriteAsync(steps, asked);
        else await WholeAsync(call, asked, steps);
    }

    private async Task WholeAsync(HttpCall call, GenerationCall asked, IAsyncEnumerable<RunStep> steps)
    {
        var answer = await WholeAnswer.CollectAsync(steps, asked.Request.LogProbs is not null, call.Aborted);
        var completion = new Completion
        {
            Id = Words.NewId("cmpl-"),
            Created = time.GetUtcNow().ToUnixTimeSeconds(),
            Model = asked.Model,
            Choices =
            [
                new CompletionChoice
                {
                    Text = answer.Text,
                    FinishReason = Words.Of(answer.Finished.Reason),
                    Logprobs = answer.Tokens is { } tokens ? Words.CompletionLogProbsOf(tokens, textOffset: 0) : null,
                },
            ],
            Usage = Words.UsageOf(answer.Finished.Usage),
            Timings = Words.TimingsOf(answer.Finished.Usage),
        };
        await JsonResponse.WriteAsync(call.Http, completion, OpenAiJson.Default.Completion);
    }
}
