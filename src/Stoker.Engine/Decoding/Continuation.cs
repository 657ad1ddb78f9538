using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// How the last answer of a session goes on: from its tokens and the sampler's random state, as if it had never been broken off; where
/// those are not known, from its text. Pure.
/// </summary>
public sealed record Continuation
{
    /// <summary>With what the answer began with, where the new request says nothing.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>All that was said before the answer.</summary>
    public required IReadOnlyList<ChatMessage> Before { get; init; }

    /// <summary>What the answer has told so far.</summary>
    public string Text { get; init; } = "";

    /// <summary>Characters of the text that its own tokens did not tell.</summary>
    public int TextBefore { get; init; }

    /// <summary>The whole conversation, the last of them without a cell yet; empty: it goes on from its text.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>Where in the tokens its own begin.</summary>
    public int FirstToken { get; init; }

    /// <summary>Text that may be the beginning of a stop string was not told.</summary>
    public bool HoldsBack { get; init; }

    /// <summary>The grammar is the one that it began with, and has seen all of it.</summary>
    public bool FollowsGrammar { get; init; }

    /// <summary>The sampler's seed, and how often it has drawn; null: a new one.</summary>
    public (uint Seed, long Draws)? Drawn { get; init; }

    /// <summary>Those that it sampled itself.</summary>
    public IEnumerable<int> OwnTokens => Tokens.Skip(FirstToken);

    /// <param name="kept">As it was saved last. Nothing in it is trusted.</param>
    /// <param name="vocabularySize">Of the model.</param>
    /// <exception cref="StokerException">InvalidInput: there is no answer that could go on.</exception>
    public static Continuation Of(SessionSnapshot kept, GenerationRequest request, int vocabularySize)
    {
        if (kept.Messages.Count == 0) throw Invalid($"Session {request.Session} has nothing to continue: say something in it.");
        var answer = kept.Answer is { } found && HasSense(found, kept.Messages) ? found : null;
        if (answer is { IsUnfinished: false }) throw Invalid($"The last answer of session {request.Session} is complete: say something new, without --continue (in the API: \"continue\").");
        var going = FromText(kept.Messages, request, answer);
        if (answer?.Next is not { } next || next < 0 || next >= vocabularySize || answer.FirstToken < 0 || answer.FirstToken > kept.Tokens.Count) return going;
        return going with
        {
            TextBefore = answer.TextBefore,
            Tokens = [.. kept.Tokens, next],
            FirstToken = answer.FirstToken,
            // At its length all was told.
            HoldsBack = answer.End is null && (request.Stop.Count == 0 || request.Stop.SequenceEqual(answer.Stop)),
            Drawn = DrawnBy(kept.SamplerState.Span, request.Sampling.Seed),
        };
    }

    private static Continuation FromText(IReadOnlyList<ChatMessage> messages, GenerationRequest request, KeptAnswer? answer)
    {
        var begun = answer?.Messages ?? (messages[^1].Role == "assistant" ? messages.Count - 1 : messages.Count);
        if (begun == 0) throw Invalid($"Session {request.Session} has nothing that was to be answered: say something in it.");
        var text = begun < messages.Count ? messages[begun].Content : "";
        return new Continuation
        {
            Request = request with
            {
                Sampling = request.Sampling.Or(answer?.Sampling).Or(request.ModelSampling),
                Stop = request.Stop.Count > 0 ? request.Stop : answer?.Stop ?? request.ModelStop,
                Grammar = request.Grammar ?? answer?.Grammar,
                MaxTokens = request.MaxTokens ?? answer?.TokensLeft,
                ChatTemplate = request.ChatTemplate ?? answer?.ChatTemplate,
            },
            Before = [.. messages.Take(begun)],
            Text = text,
            TextBefore = text.Length,
            FollowsGrammar = answer?.Grammar is { } grammar && (request.Grammar ?? grammar) == grammar,
        };
    }

    private static bool HasSense(KeptAnswer answer, IReadOnlyList<ChatMessage> messages)
    {
        var text = answer.Messages >= 0 && answer.Messages < messages.Count ? messages[answer.Messages].Content : "";
        return (answer.Messages == messages.Count || answer.Messages == messages.Count - 1) && answer.TextBefore >= 0 && answer.TextBefore <= text.Length;
    }

    // The seed that it began with may be said again; another one begins anew.
    private static (uint Seed, long Draws)? DrawnBy(ReadOnlySpan<byte> state, uint? asked) =>
        LlamaSampler.TryReadState(state, out var seed, out var draws) && (asked is null || asked == seed) ? (seed, draws) : null;

    private static StokerException Invalid(string message) => new(ErrorKind.InvalidInput, message);
}
