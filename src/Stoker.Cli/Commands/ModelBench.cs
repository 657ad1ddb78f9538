using System.Globalization;
using System.Text;
using System.Text.Json;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Engine;
using Stoker.Core.Progress;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>Asks a model for a short and for a long prompt's answer, and looks at its runner after each.</summary>
internal sealed class ModelBench(CliContext context, DaemonClient client, string model, StokerExtension options, int answerTokens)
{
    private const string Sentence = "The stoker feeds the fire and watches the gauge. ";
    private const int WarmUpSentences = 8;
    private const int UsualFill = 2048;

    private readonly List<StageProgress> _stages = [];

    private readonly record struct Answer(Timings Timings, TimeSpan FirstText);

    public async Task<ModelBenchReport> RunAsync(int? wanted, CancellationToken cancellationToken)
    {
        // Loads the model, and tells with the second one how many tokens a sentence is to it.
        context.Console.Note($"Loading {Printable.Short(model)} …");
        var warm = await AskAsync(WarmUpSentences, 2, cancellationToken);
        var holds = (await LoadedAsync(cancellationToken))?.ContextTokens ?? int.MaxValue;
        var fill = wanted ?? Math.Min(UsualFill, (int)((holds - (long)answerTokens) * 3 / 4));
        if (fill + (long)answerTokens > holds)
            throw new StokerException(ErrorKind.TooLarge, string.Create(CultureInfo.InvariantCulture, $"{fill} tokens (--fill) and {answerTokens} of the answer (--tokens) do not fit {Printable.Short(model)}'s context of {holds}: a smaller --fill, or a larger --ctx."));
        var start = StartOf(_stages);
        context.Console.Note("A short prompt …");
        var (small, nearlyEmpty) = await MeasureAsync(1, cancellationToken);
        var perSentence = Math.Max(1.0, (Prompt(warm) - Prompt(small)) / (double)(WarmUpSentences - 1));
        var sentences = Math.Max(1, (int)((fill - Prompt(small)) / perSentence) + 1);
        context.Console.Note(string.Create(CultureInfo.InvariantCulture, $"A prompt of about {fill} tokens …"));
        var (_, filled) = await MeasureAsync(sentences, cancellationToken);
        return new ModelBenchReport(model, start, nearlyEmpty, filled);
    }

    private async Task<LoadedModel?> LoadedAsync(CancellationToken cancellationToken) =>
        (await client.LoadedAsync(cancellationToken)).Models.FirstOrDefault(loaded => loaded.Name == model);

    // Null: it was loaded before.
    private static string? StartOf(IReadOnlyList<StageProgress> stages)
    {
        if (!stages.Any(static stage => stage.Stage == Stage.Load)) return null;
        var line = new TimeLine();
        line.Take(stages.Where(static stage => stage.Stage <= Stage.Load));
        return line.Compose();
    }

    private static int Prompt(Answer answer) => answer.Timings.PromptN + answer.Timings.CacheN;

    private async Task<(Answer Answer, ModelBenchState State)> MeasureAsync(int sentences, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(sentences, answerTokens, cancellationToken);
        var timings = answer.Timings;
        var runner = (await LoadedAsync(cancellationToken))?.Pid;
        return (answer, new ModelBenchState(
            Prompt(answer) + timings.PredictedN,
            timings.PromptMs > 0 ? timings.PromptN * 1000 / timings.PromptMs : 0,
            timings.PredictedPerSecond,
            answer.FirstText.TotalMilliseconds,
            runner is { } pid ? ProcessFigures.TryRead(pid) : null));
    }

    private async Task<Answer> AskAsync(int sentences, int tokens, CancellationToken cancellationToken)
    {
        var request = new ChatRequest
        {
            Model = model,
            Messages = [new ChatTurn("user", Text(sentences))],
            Stream = true,
            StreamOptions = new StreamOptions(IncludeUsage: true),
            Temperature = 0,
            Seed = 1,
            MaxCompletionTokens = tokens,
            Stoker = options,
        };
        var begun = context.Time.GetTimestamp();
        TimeSpan? first = null;
        Timings? timings = null;
        await foreach (var sent in client.ChatAsync(request, cancellationToken))
        {
            if (sent.Name == "progress")
            {
                _stages.Add(JsonSerializer.Deserialize(sent.Text, AdminJson.Default.StageProgress)!);
                continue;
            }
            var chunk = JsonSerializer.Deserialize(sent.Text, OpenAiJson.Default.ChatChunk)!;
            // The role comes at once; a token may hold no whole letter yet: the first text that there is.
            if (first is null && chunk.Choices is [{ Delta.Content.Length: > 0 }, ..]) first = context.Time.GetElapsedTime(begun);
            timings = chunk.Timings ?? timings;
        }
        return timings is null
            ? throw new StokerException(ErrorKind.Internal, "The daemon's answer has no timings: it may be of another version. Restart it: stoker serve --stop")
            : new Answer(timings, first ?? context.Time.GetElapsedTime(begun));
    }

    /// <summary>Begins with a word of its own each time, so that nothing of it is kept from an earlier request.</summary>
    private static string Text(int sentences)
    {
        var text = new StringBuilder(Guid.NewGuid().ToString("N")[..6]).Append(' ');
        for (var i = 0; i < sentences; i++) text.Append(Sentence);
        return text.ToString();
    }
}
