using Stoker.Engine.Protocol;
using Stoker.Server.Http;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary>A chat's stream: <c>chat.completion.chunk</c>s.</summary>
internal sealed class ChatFrames(GenerationCall asked, TimeProvider time) : IAnswerFrames
{
    private readonly string _id = Words.NewId("chatcmpl-");
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();
    private readonly bool _logProbs = asked.Request.LogProbs is not null;

    public ValueTask StartedAsync(SseWriter sse) => WriteAsync(sse, new ChatDelta { Role = "assistant", Content = "" });

    public ValueTask TokensAsync(SseWriter sse, TokensGenerated generated)
    {
        if (generated.Text.Length == 0 && !(_logProbs && generated.Tokens.Count > 0)) return ValueTask.CompletedTask;
        return WriteAsync(sse, new ChatDelta { Content = generated.Text }, logProbs: _logProbs ? Words.ChatLogProbsOf(generated.Tokens) : null);
    }

    public async ValueTask FinishedAsync(SseWriter sse, GenerationFinished finished)
    {
        await WriteAsync(sse, new ChatDelta(), Words.Of(finished.Reason), Words.TimingsOf(finished.Usage));
        if (!asked.IncludeUsage) return;
        var usage = new ChatChunk { Id = _id, Created = _created, Model = asked.Model, Choices = [], Usage = Words.UsageOf(finished.Usage) };
        await sse.WriteAsync(usage, OpenAiJson.Default.ChatChunk);
    }

    private ValueTask WriteAsync(SseWriter sse, ChatDelta delta, string? reason = null, Timings? timings = null, ChatLogProbs? logProbs = null) =>
        sse.WriteAsync(
            new ChatChunk
            {
                Id = _id,
                Created = _created,
                Model = asked.Model,
                Choices = [new ChatChunkChoice { Delta = delta, FinishReason = reason, Logprobs = logProbs }],
                Timings = timings,
            },
            OpenAiJson.Default.ChatChunk);
}

/// <summary>A completion's stream: <c>text_completion</c>s.</summary>
internal sealed class CompletionFrames(GenerationCall asked, TimeProvider time) : IAnswerFrames
{
    private readonly string _id = Words.NewId("cmpl-");
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();
    private readonly bool _logProbs = asked.Request.LogProbs is not null;
    private int _textOffset;

    // The first piece is the first text: a completion's stream has no opening of its own.
    public ValueTask StartedAsync(SseWriter sse) => sse.WriteCommentAsync("started");

    public async ValueTask TokensAsync(SseWriter sse, TokensGenerated generated)
    {
        if (generated.Text.Length == 0 && !(_logProbs && generated.Tokens.Count > 0)) return;
        await WriteAsync(sse, generated.Text, logProbs: _logProbs ? Words.CompletionLogProbsOf(generated.Tokens, _textOffset) : null);
        _textOffset += generated.Text.Length;
    }

    public async ValueTask FinishedAsync(SseWriter sse, GenerationFinished finished)
    {
        await WriteAsync(sse, "", Words.Of(finished.Reason), Words.TimingsOf(finished.Usage));
        if (!asked.IncludeUsage) return;
        var usage = new Completion { Id = _id, Created = _created, Model = asked.Model, Choices = [], Usage = Words.UsageOf(finished.Usage) };
        await sse.WriteAsync(usage, OpenAiJson.Default.Completion);
    }

    private ValueTask WriteAsync(SseWriter sse, string text, string? reason = null, Timings? timings = null, CompletionLogProbs? logProbs = null) =>
        sse.WriteAsync(
            new Completion
            {
                Id = _id,
                Created = _created,
                Model = asked.Model,
                Choices = [new CompletionChoice { Text = text, FinishReason = reason, Logprobs = logProbs }],
                Timings = timings,
            },
            OpenAiJson.Default.Completion);
}
