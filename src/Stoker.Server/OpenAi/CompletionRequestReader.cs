using System.Text.Json;
using Stoker.Engine.Protocol;
using Stoker.Server.Http;

namespace Stoker.Server.OpenAi;

/// <summary>From the body of <c>/v1/completions</c> to a generation. Pure; every refusal names the field.</summary>
internal static class CompletionRequestReader
{
    public static GenerationCall Read(JsonElement body)
    {
        var fields = new JsonFields(body);
        RefuseUnsupported(fields);
        var (stream, includeUsage) = SharedFields.Streaming(fields);
        var extension = SharedFields.Extension(fields);
        var (text, tokens) = Prompt(fields);
        var echo = fields.Flag("echo");
        var logProbs = (int?)fields.Integer("logprobs", 0, 20);
        if (echo && logProbs is not null) throw fields.Unsupported("logprobs", "together with 'echo' it asks for those of the prompt, which are not computed.");
        return new GenerationCall
        {
            Model = SharedFields.Model(fields),
            Stream = stream,
            IncludeUsage = includeUsage,
            Extension = extension,
            Request = new GenerationRequest
            {
                Text = text,
                Tokens = tokens,
                Sampling = SharedFields.Sampling(fields),
                MaxTokens = SharedFields.MaxTokens(fields, "max_tokens"),
                Stop = SharedFields.Stop(fields),
                Grammar = SharedFields.Grammar(fields),
                LogProbs = logProbs ?? (extension.LogitHashes ? 0 : null),
                Echo = echo,
                IgnoreEos = extension.IgnoreEos,
                ReusePrefix = fields.Has("cache_prompt") ? fields.Flag("cache_prompt") : null,
                LogitHashes = extension.LogitHashes,
            },
        };
    }

    private static void RefuseUnsupported(JsonFields fields)
    {
        SharedFields.RefuseUnsupported(fields);
        if (fields.Find("best_of") is { } best && !(best.ValueKind == JsonValueKind.Number && best.TryGetInt64(out var count) && count == 1))
            throw fields.Unsupported("best_of", "one answer a request.");
        if (fields.Text("suffix") is { Length: > 0 }) throw fields.Unsupported("suffix", "text is completed at its end alone.");
        if (fields.Has("chat_template")) throw fields.Unsupported("chat_template", "completions have no turns; use /v1/chat/completions.");
    }

    /// <summary>A string, token ids, or an array of one of either.</summary>
    private static (string? Text, IReadOnlyList<int>? Tokens) Prompt(JsonFields fields)
    {
        if (fields.Find("prompt") is not { } prompt) throw fields.Wrong("prompt", "is required");
        if (prompt.ValueKind == JsonValueKind.Array && prompt.GetArrayLength() > 0 && prompt[0].ValueKind is JsonValueKind.String or JsonValueKind.Array)
        {
            if (prompt.GetArrayLength() > 1) throw fields.Unsupported("prompt", "one prompt a request.");
            prompt = prompt[0];
        }
        if (prompt.ValueKind == JsonValueKind.String)
        {
            return JsonFields.TextOf(prompt, "prompt") is { Length: > 0 } text ? (text, null) : throw fields.Wrong("prompt", "must not be empty");
        }
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0) throw fields.Wrong("prompt", "must be a string or an array of token ids");
        var tokens = new int[prompt.GetArrayLength()];
        var i = 0;
        foreach (var item in prompt.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id) || id < 0) throw JsonFields.Wrong($"prompt[{i}]", "must be a token id", code: null);
            tokens[i++] = id;
        }
        return (null, tokens);
    }
}
