using Stoker.Core.Errors;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Decoding;

/// <summary>What of a request could hurt the runner, checked again here. Pure.</summary>
public static class GenerationChecks
{
    public const int MaxStops = 16;
    public const int MaxStopLength = 256;
    public const int MaxAlternatives = 20;


    /// <exception cref="StokerException">InvalidInput.</exception>
    public static void Check(GenerationRequest request)
    {
        var prompts = (request.Messages is null ? 0 : 1) + (request.Text is null ? 0 : 1) + (request.Tokens is null ? 0 : 1);
        if (request.Continue && (prompts != 0 || request.Append || request.Session is null))
            throw Invalid("To continue, name a session and say nothing: its last answer goes on. With messages it would be a new turn.");
        if (!request.Continue && prompts != 1) throw Invalid("Exactly one of messages, text and tokens is a prompt.");
        if (request.Messages is { Count: 0 }) throw Invalid("There is no message to answer.");
        if (request.Stop.Count > MaxStops) throw Invalid($"At most {MaxStops} stop strings, not {request.Stop.Count}.");
        if (request.Stop.Any(static stop => string.IsNullOrEmpty(stop) || stop.Length > MaxStopLength))
            throw Invalid($"A stop string has 1 to {MaxStopLength} characters.");
        if (request.MaxTokens is <= 0) throw Invalid($"max_tokens must be at least 1, not {request.MaxTokens}.");
        if (request.LogProbs is < 0 or > MaxAlternatives) throw Invalid($"At most {MaxAlternatives} alternatives can be told, not {request.LogProbs}.");
        if (request.Grammar is { } grammar && GrammarChecks.FindProblem(grammar) is { } problem) throw Invalid(problem);
    }

    /// <exception cref="StokerException">ContextOverflow, InvalidInput (an empty prompt).</exception>
    public static void CheckFits(int promptTokens, int contextTokens, int trainedTokens)
    {
        if (promptTokens == 0) throw Invalid("The prompt is empty.");
        if (promptTokens < contextTokens) return;
        var advice = trainedTokens > contextTokens ? $", or load it with a larger context (--ctx, up to {trainedTokens})" : "";
        throw new StokerException(
            ErrorKind.ContextOverflow,
            $"The prompt has {promptTokens} tokens, but the model's context holds {contextTokens}, answer included: shorten it{advice}.");
    }

    private static StokerException Invalid(string message) => new(ErrorKind.InvalidInput, message);
}
