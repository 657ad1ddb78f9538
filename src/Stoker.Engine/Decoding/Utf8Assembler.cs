using System.Text;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Whole characters out of bytes that come in pieces (a token may be a part of a character). Bytes that are no UTF-8 become
/// U+FFFD, the same ones however the bytes are cut. Not thread-safe.
/// </summary>
public sealed class Utf8Assembler
{
    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false).GetDecoder();

    /// <summary>The characters that are complete now.</summary>
    public string Push(ReadOnlySpan<byte> bytes) => Decode(bytes, flush: false);

    /// <summary>The end: U+FFFD for a character that was never completed, else nothing.</summary>
    public string Flush() => Decode([], flush: true);

    /// <summary>Of all pieces at once.</summary>
    public static string TextOf(IEnumerable<byte[]> pieces)
    {
        var characters = new Utf8Assembler();
        return string.Concat(pieces.Select(piece => characters.Push(piece))) + characters.Flush();
    }

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        // A held beginning of a character can add replacement characters in front of these bytes' own.
        Span<char> characters = bytes.Length <= 256 ? stackalloc char[bytes.Length + 4] : new char[bytes.Length + 4];
        var count = _decoder.GetChars(bytes, characters, flush);
        return count == 0 ? "" : new string(characters[..count]);
    }
}
