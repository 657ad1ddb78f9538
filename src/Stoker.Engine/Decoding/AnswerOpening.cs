using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>What an answer begins with, before it has a slot.</summary>
/// <param name="Prompt">All tokens up to the first that is sampled.</param>
/// <param name="Messages">In a session: all that was said before the answer.</param>
/// <param name="Continuation">An answer that goes on; null: it begins.</param>
internal sealed record AnswerOpening(GenerationRequest Request, int[] Prompt, IReadOnlyList<ChatMessage> Messages, Continuation? Continuation)
{
    /// <summary>Where in the conversation its own tokens begin.</summary>
    public int FirstToken => Continuation is { Tokens.Count: > 0 } exact ? exact.FirstToken : Prompt.Length;

    /// <param name="kept">The session's conversation, or null.</param>
    /// <exception cref="StokerException">InvalidInput, Unsupported, ContextOverflow.</exception>
    internal static AnswerOpening Of(SlotModel model, Conversation? kept, GenerationRequest request)
    {
        var opening = kept is null ? new AnswerOpening(request, PromptTokens.Of(model.Library, model.Model, request), [], null)
            : request.Continue ? GoingOn(model, kept, request)
            : Next(model, kept, request);
        GenerationChecks.CheckFits(opening.Prompt.Length, model.ContextTokens, model.Model.TrainedContextTokens);
        return opening;
    }

    /// <exception cref="StokerException">InvalidInput: all values that are out of range, at once.</exception>
    internal SamplerSettings Settings(SlotModel model)
    {
        if (Continuation is { Tokens.Count: > 0, Drawn: null } exact && exact.Request.Sampling.Seed is null)
            Console.Error.WriteLine($"Session {Request.Session}: the random state of its sampler cannot be read; the answer goes on with a new one.");
        var sampling = Continuation?.Drawn is { } drawn ? Request.Sampling with { Seed = drawn.Seed } : Request.Sampling;
        return SamplingRules.Resolve(sampling, Request.Grammar, model.ContextTokens, model.NewSeed);
    }

    /// <summary>A sampler that has seen the prompt; of an answer that goes on, in the state in which it was left.</summary>
    /// <exception cref="StokerException">InvalidInput: what was kept does not follow its grammar.</exception>
    internal LlamaSampler NewSampler(SlotModel model, SamplerSettings settings)
    {
        var sampler = LlamaSampler.Create(model.Library, model.Model, settings);
        try
        {
            foreach (var token in Prompt.AsSpan()[^Math.Min(Prompt.Length, settings.PenaltyLastTokens)..]) sampler.Remember(token);
            if (Continuation?.Drawn is { } drawn) sampler.Skip(drawn.Draws);
            if (Continuation is not { FollowsGrammar: true } going) return sampler;
            var before = going.TextBefore > 0 ? model.Model.Tokenize(going.Text[..going.TextBefore], addSpecial: false, parseSpecial: false) : [];
            if (before.Concat(going.OwnTokens).All(sampler.TryFollow)) return sampler;
            throw new StokerException(ErrorKind.InvalidInput, $"What session {Request.Session} keeps of its last answer does not follow that answer's grammar: give another grammar for what is to follow, or say something new.");
        }
        catch
        {
            sampler.Dispose();
            throw;
        }
    }

    private static AnswerOpening Next(SlotModel model, Conversation kept, GenerationRequest request)
    {
        var messages = SessionPrompt.Messages(kept.Messages, request.Messages ?? [], request.Append);
        return new AnswerOpening(request, PromptTokens.GoingOn(model.Library, model.Model, kept.Tokens, messages, request.ChatTemplate, said: ""), messages, null);
    }

    private static AnswerOpening GoingOn(SlotModel model, Conversation kept, GenerationRequest request)
    {
        var going = Continuation.Of(kept.Session!.Snapshot, request, model.Model.VocabularySize);
        GenerationChecks.Check(going.Request);
        int[] prompt = going.Tokens.Count > 0 ? [.. going.Tokens] : PromptTokens.GoingOn(model.Library, model.Model, kept.Tokens, going.Before, going.Request.ChatTemplate, going.Text);
        return new AnswerOpening(going.Request, prompt, going.Before, going);
    }
}
