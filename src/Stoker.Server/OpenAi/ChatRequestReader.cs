using System.Text;
using System.Text.Json;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Server.Http;

namespace Stoker.Server.OpenAi;

/// <summary>From the body of <c>/v1/chat/completions</c> to a generation. Pure; every refusal names the field.</summary>
internal static class ChatRequestReader
{
    private const int MaxMessages = 16_384;

    public static GenerationCall Read(JsonElement body)
    {
        var fields = new JsonFields(body);
        RefuseUnsupported(fields);
        var (stream, includeUsage) = SharedFields.Streaming(fields);
        var extension = SharedFields.Extension(fields);
        var goesOn = Continue(fields);
        return new GenerationCall
        {
            Model = SharedFields.Model(fields),
            Stream = stream,
            IncludeUsage = includeUsage,
            Extension = extension,
            Request = new GenerationRequest
            {
                Messages = goesOn ? null : Messages(fields),
                ChatTemplate = Template(fields),
                Sampling = SharedFields.Sampling(fields),
                MaxTokens = SharedFields.MaxTokens(fields, "max_completion_tokens", "max_tokens"),
                Stop = SharedFields.Stop(fields),
                Grammar = SharedFields.Grammar(fields),
                LogProbs = LogProbs(fields, extension.LogitHashes),
                IgnoreEos = extension.IgnoreEos,
                Session = Session(fields),
                Append = fields.Flag("append"),
                Continue = goesOn,
                ReusePrefix = fields.Has("cache_prompt") ? fields.Flag("cache_prompt") : null,
                LogitHashes = extension.LogitHashes,
            },
        };
    }

    private static void RefuseUnsupported(JsonFields fields)
    {
        SharedFields.RefuseUnsupported(fields);
        foreach (var name in (ReadOnlySpan<string>)["tools", "functions"])
        {
            if (fields.Find(name) is { } tools && !(tools.ValueKind == JsonValueKind.Array && tools.GetArrayLength() == 0))
                throw fields.Unsupported(name, "this version calls no functions.");
        }
        foreach (var name in (ReadOnlySpan<string>)["tool_choice", "function_call"])
        {
            if (fields.Find(name) is { } choice && !(choice.ValueKind == JsonValueKind.String && choice.GetString() is "none" or "auto"))
                throw fields.Unsupported(name, "this version calls no functions.");
        }
        if (fields.Has("audio")) throw fields.Unsupported("audio", "answers are text.");
        if (fields.Has("web_search_options")) throw fields.Unsupported("web_search_options", "answers come from the model alone.");
        if (fields.Find("modalities") is { ValueKind: JsonValueKind.Array } modalities && modalities.EnumerateArray().Any(static item => item.ValueKind != JsonValueKind.String || item.GetString() != "text"))
            throw fields.Unsupported("modalities", "answers are text.");
    }

    private static List<ChatMessage> Messages(JsonFields fields)
    {
        if (fields.Find("messages") is not { } value) throw fields.Wrong("messages", "is required");
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0) throw fields.Wrong("messages", "must be an array with at least one message");
        if (value.GetArrayLength() > MaxMessages) throw fields.Wrong("messages", $"has {value.GetArrayLength()} messages; at most {MaxMessages} are taken");
        var messages = new List<ChatMessage>(value.GetArrayLength());
        foreach (var item in value.EnumerateArray())
        {
            var path = $"messages[{messages.Count}]";
            if (item.ValueKind != JsonValueKind.Object) throw JsonFields.Wrong(path, "must be an object", code: null);
            messages.Add(Message(new JsonFields(item, path)));
        }
        return messages;
    }

    private static ChatMessage Message(JsonFields fields)
    {
        var role = fields.RequiredText("role", 64) switch
        {
            "developer" => "system",
            ("system" or "user" or "assistant") and var known => known,
            "tool" or "function" => throw fields.Unsupported("role", "this version calls no functions, so there are no answers of theirs."),
            var other => throw fields.Wrong("role", $"is '{Printable.Short(other, 40)}'; it must be system, developer, user or assistant"),
        };
        if (fields.Find("tool_calls") is { } calls && !(calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() == 0))
            throw fields.Unsupported("tool_calls", "this version calls no functions.");
        return new ChatMessage(role, Content(fields));
    }

    private static string Content(JsonFields fields)
    {
        if (fields.Find("content") is not { } content) throw fields.Wrong("content", "is required");
        if (content.ValueKind == JsonValueKind.String) return JsonFields.TextOf(content, fields.PathOf("content"));
        if (content.ValueKind != JsonValueKind.Array) throw fields.Wrong("content", "must be a string or an array of text parts");
        var text = new StringBuilder();
        var i = 0;
        foreach (var item in content.EnumerateArray())
        {
            var path = fields.PathOf($"content[{i++}]");
            if (item.ValueKind != JsonValueKind.Object) throw JsonFields.Wrong(path, "must be an object", code: null);
            var part = new JsonFields(item, path);
            text.Append(part.RequiredText("type", 64) switch
            {
                "text" => part.Find("text") is not null ? part.Text("text") : throw part.Wrong("text", "is required"),
                "image_url" or "input_image" => throw part.Unsupported("type", "this version reads no images."),
                "input_audio" or "file" => throw part.Unsupported("type", "this version reads text alone."),
                var other => throw part.Wrong("type", $"is '{Printable.Short(other, 40)}'; it must be text"),
            });
        }
        return text.ToString();
    }

    /// <summary>The session's last answer goes on: nothing new is said.</summary>
    private static bool Continue(JsonFields fields)
    {
        if (!fields.Flag("continue")) return false;
        if (fields.Text("session", SessionName.MaxLength) is not { Length: > 0 }) throw fields.Wrong("continue", "needs a 'session' whose last answer goes on");
        if (fields.Flag("append")) throw fields.Wrong("continue", "goes on with the last answer, and 'append' says something new: send one of them");
        if (fields.Find("messages") is { } value && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
            throw fields.Wrong("messages", "must be empty or absent with 'continue', which goes on with the session's last answer");
        return true;
    }

    private static string? Session(JsonFields fields)
    {
        var name = fields.Text("session", SessionName.MaxLength);
        if (name is { Length: 0 }) name = null;
        if (name is null && fields.Flag("append")) throw fields.Wrong("append", "needs a 'session' whose messages these follow");
        return name is not null && !SessionName.IsId(name) && SessionName.WhyNot(name) is { } reason ? throw fields.Wrong("session", $"is no session name: {reason}") : name;
    }

    /// <summary>A name of libllama's list, never a template itself: those of strangers are not run.</summary>
    private static string? Template(JsonFields fields)
    {
        if (fields.Text("chat_template", 64) is not { Length: > 0 } name) return null;
        return name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.')
            ? name
            : throw fields.Wrong("chat_template", "must be the name of a built-in template, e.g. chatml");
    }

    private static int? LogProbs(JsonFields fields, bool logitHashes)
    {
        var asked = fields.Flag("logprobs");
        var top = fields.Integer("top_logprobs", 0, 20);
        if (top is not null && !asked) throw fields.Wrong("top_logprobs", "needs 'logprobs': true");
        return asked ? (int)(top ?? 0) : logitHashes ? 0 : null;
    }
}
