using System.Runtime.CompilerServices;
using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Cli.Client;

/// <summary>One server-sent event.</summary>
/// <param name="Name">The <c>event:</c> field; <c>message</c> when absent.</param>
/// <param name="Text">The <c>data:</c> lines, joined by newlines.</param>
public sealed record ServerSentEvent(string Name, string Text);

/// <summary>Reads <c>text/event-stream</c> (WHATWG HTML, "Server-sent events"): comments and unknown fields are skipped.</summary>
public static class SseReader
{
    private const int MaxEventChars = 4 << 20;

    /// <summary>Events until the stream ends. An event that the end cuts off is dropped, as the standard says.</summary>
    public static async IAsyncEnumerable<ServerSentEvent> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), detectEncodingFromByteOrderMarks: true);
        var name = "";
        StringBuilder? text = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0)
            {
                if (text is not null) yield return new ServerSentEvent(name.Length == 0 ? "message" : name, text.ToString());
                (name, text) = ("", null);
                continue;
            }
            var (field, value) = Split(line);
            if (field == "event") name = value;
            if (field != "data") continue;
            text = text is null ? new StringBuilder(value) : text.Append('\n').Append(value);
            if (text.Length > MaxEventChars) throw new StokerException(ErrorKind.TooLarge, "The daemon sent an event of more than 4 MiB.");
        }
    }

    private static (string Field, string Value) Split(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return (line, "");
        var value = line[(colon + 1)..];
        return (line[..colon], value.StartsWith(' ') ? value[1..] : value);
    }
}
