using System.Runtime.InteropServices;
using System.Text;

namespace Stoker.Native.Llama;

/// <summary>The chat templates that the library recognises. It matches known ones; it is no Jinja interpreter.</summary>
public static unsafe class LlamaChat
{
    /// <summary>Names of the built-in templates, sorted.</summary>
    public static IReadOnlyList<string> BuiltInTemplates(LlamaLibrary library)
    {
        ArgumentNullException.ThrowIfNull(library);
        var count = LlamaNative.llama_chat_builtin_templates(null, 0);
        var names = stackalloc byte*[Math.Clamp(count, 0, 1024)];
        count = Math.Min(LlamaNative.llama_chat_builtin_templates(names, (nuint)Math.Clamp(count, 0, 1024)), 1024);
        var result = new List<string>(count);
        for (var i = 0; i < count; i++) result.Add(Marshal.PtrToStringUTF8((nint)names[i]) ?? "");
        result.Sort(StringComparer.Ordinal);
        return result;
    }

    /// <summary>The prompt for these turns, ending where the assistant's answer begins.</summary>
    /// <param name="template">A model's own template, or a built-in one's name.</param>
    /// <exception cref="LlamaException">Template: not recognised. Argument: a NUL character.</exception>
    public static string Apply(LlamaLibrary library, string template, IReadOnlyList<(string Role, string Content)> messages, bool addAssistant)
    {
        ArgumentNullException.ThrowIfNull(library);
        var texts = new List<nint>();
        try
        {
            var turns = new ChatMessageNative[messages.Count];
            for (var i = 0; i < turns.Length; i++)
            {
                turns[i].Role = (byte*)CString(messages[i].Role, texts);
                turns[i].Content = (byte*)CString(messages[i].Content, texts);
            }
            var templateText = (byte*)CString(template, texts);
            var size = 256 + messages.Sum(static message => 64 + (2 * (message.Role.Length + message.Content.Length)));
            for (var attempt = 0; ; attempt++)
            {
                var buffer = new byte[size];
                int length;
                fixed (ChatMessageNative* all = turns)
                fixed (byte* output = buffer)
                {
                    length = LlamaNative.llama_chat_apply_template(templateText, all, (nuint)turns.Length, addAssistant ? (byte)1 : (byte)0, output, size);
                }
                if (length < 0) throw new LlamaException(LlamaFailure.Template, "The chat template is not one that llama.cpp recognises.");
                if (length <= size) return Encoding.UTF8.GetString(buffer, 0, length);
                if (attempt > 0) throw new LlamaException(LlamaFailure.Template, "The chat template's length changes between two calls.");
                size = length;
            }
        }
        finally
        {
            texts.ForEach(Marshal.FreeCoTaskMem);
        }
    }

    private static nint CString(string text, List<nint> owned)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) throw new LlamaException(LlamaFailure.Argument, "A chat turn contains a NUL character.");
        var copy = Marshal.StringToCoTaskMemUTF8(text);
        owned.Add(copy);
        return copy;
    }
}
