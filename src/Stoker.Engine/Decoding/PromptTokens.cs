using System.Text;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>From a request to the tokens that are decoded first.</summary>
internal static class PromptTokens
{
    /// <exception cref="StokerException">Unsupported: a chat template that is not recognised. InvalidInput: an unknown template name, a token outside the vocabulary.</exception>
    internal static int[] Of(LlamaLibrary library, LlamaModel model, GenerationRequest request)
    {
        if (request.Tokens is { } given)
        {
            var size = model.VocabularySize;
            if (given.FirstOrDefault(token => token < 0 || token >= size, -1) is var wrong && given.Any(token => token < 0 || token >= size))
                throw new StokerException(ErrorKind.InvalidInput, $"Token {wrong} is outside the model's vocabulary of {size}.");
            return [.. given];
        }
        return request.Messages is { } messages
            ? OfChat(model, ChatText(library, model, messages, request.ChatTemplate))
            : OfText(model, request.Text ?? "");
    }

    /// <summary>The tokens of a conversation that is kept: its own as far as they are still right.</summary>
    /// <param name="said">What of the answer is there already.</param>
    internal static int[] GoingOn(LlamaLibrary library, LlamaModel model, IReadOnlyList<int> kept, IReadOnlyList<ChatMessage> messages, string? templateName, string said)
    {
        var text = ChatText(library, model, messages, templateName) + said;
        return SessionPrompt.Tokens(
            kept,
            OfChat(model, text),
            Encoding.UTF8.GetBytes(text),
            token => model.TokenBytes(token, includeControl: true),
            rest => model.Tokenize(Encoding.UTF8.GetString(rest), addSpecial: false, parseSpecial: true));
    }

    /// <summary>Where the last of the user's messages begins in a prompt that was made of these messages; 0: at its beginning, or there is none.</summary>
    internal static int BeforeQuestion(LlamaLibrary library, LlamaModel model, IReadOnlyList<ChatMessage>? messages, string? templateName, ReadOnlySpan<int> prompt)
    {
        var before = messages?.ToList().FindLastIndex(static message => message.Role == "user") ?? 0;
        return before > 0 ? PrefixChoice.Common(prompt, OfChat(model, ChatText(library, model, [.. messages!.Take(before)], templateName, addAssistant: false))) : 0;
    }

    private static int[] OfText(LlamaModel model, string text)
    {
        // llama.cpp would end the process.
        if (!model.HasVocabulary) throw new StokerException(ErrorKind.Unsupported, "This model has no vocabulary: only token ids can be its prompt.");
        return model.Tokenize(text, addSpecial: true, parseSpecial: true);
    }

    private static int[] OfChat(LlamaModel model, string text)
    {
        var tokens = OfText(model, text);
        // Some templates write the beginning-of-sequence token that the tokenizer adds too.
        return tokens.Length > 1 && tokens[0] == model.BosToken && tokens[1] == tokens[0] ? tokens[1..] : tokens;
    }

    private static string ChatText(LlamaLibrary library, LlamaModel model, IReadOnlyList<ChatMessage> messages, string? templateName, bool addAssistant = true)
    {
        if (!model.HasVocabulary) throw new StokerException(ErrorKind.Unsupported, "This model has no vocabulary: only token ids can be its prompt.");
        if (templateName is not null)
        {
            var known = LlamaChat.BuiltInTemplates(library);
            if (!known.Contains(templateName, StringComparer.Ordinal))
                throw new StokerException(ErrorKind.InvalidInput, $"There is no chat template named '{Printable.Short(templateName)}'. Known: {string.Join(", ", known)}.");
        }
        var template = templateName ?? model.ChatTemplate ?? throw new StokerException(
            ErrorKind.Unsupported,
            "This model has no chat template: name one of llama.cpp's with --chat-template NAME (chatml, llama3, ...), or use /v1/completions with the whole prompt.");
        try
        {
            return LlamaChat.Apply(library, template, [.. messages.Select(static message => (message.Role, message.Content))], addAssistant);
        }
        catch (LlamaException error) when (error.Failure == LlamaFailure.Template)
        {
            throw new StokerException(
                ErrorKind.Unsupported,
                "llama.cpp does not recognise this model's chat template: name one of its own with --chat-template NAME (chatml, llama3, ...), or use /v1/completions with the whole prompt.",
                error);
        }
    }
}
