using System.Buffers;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Decoding;

/// <summary>
/// The tokens of a kept conversation's next prompt. Where the new text begins with the text of the kept tokens, those stay as they
/// are and only the rest is tokenised: a model's own tokens need not be those that its text tokenises to. Pure.
/// </summary>
public static class SessionPrompt
{
    /// <summary>The conversation that a request means.</summary>
    /// <param name="kept">The session's messages.</param>
    /// <exception cref="StokerException">InvalidInput: nothing is said.</exception>
    public static IReadOnlyList<ChatMessage> Messages(IReadOnlyList<ChatMessage> kept, IReadOnlyList<ChatMessage> said, bool append)
    {
        if (!append) return said;
        // An opening that is already there is not said twice.
        var isOpened = kept.Count > 0 && said.Count > 1 && said[0].Role == "system" && kept[0] == said[0];
        return [.. kept, .. isOpened ? said.Skip(1) : said];
    }

    /// <param name="kept">The session's tokens, whose cells are there.</param>
    /// <param name="fresh">The whole text tokenised anew.</param>
    /// <param name="text">The whole text, UTF-8.</param>
    /// <param name="bytesOf">A token's bytes, those of control tokens too.</param>
    /// <param name="tokenize">Tokens of a part of a text, nothing added around it.</param>
    public static int[] Tokens(IReadOnlyList<int> kept, int[] fresh, ReadOnlySpan<byte> text, Func<int, byte[]> bytesOf, Func<byte[], int[]> tokenize)
    {
        if (kept.Count == 0 || PrefixChoice.Common(fresh, kept) == Math.Min(kept.Count, fresh.Length - 1)) return fresh;
        // A token that the tokenizer sets before every text is not in the text.
        var ahead = fresh.Length > 0 && fresh[0] == kept[0] && !text.StartsWith(bytesOf(kept[0])) ? 1 : 0;
        var bytes = new ArrayBufferWriter<byte>();
        for (var i = ahead; i < kept.Count; i++) bytes.Write(bytesOf(kept[i]));
        // Bytes that make no character, half of one at an answer's end among them, were told as U+FFFD.
        var told = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes.WrittenSpan));
        var at = told.Length;
        if (at == text.Length || !text.StartsWith(told)) return fresh;
        var rest = tokenize(text[at..].ToArray());
        // Some tokenizers set a space before every text: then the parts do not make the whole.
        return text[at..].SequenceEqual(rest.SelectMany(bytesOf).ToArray()) ? [.. kept, .. rest] : fresh;
    }
}
