using System.Buffers;
using Stoker.Core.Errors;

namespace Stoker.Core.Models;

/// <summary>
/// Checks on names that strangers chose: hubs' file names, repositories, tags. They never name a place outside the folder they
/// are meant for, whatever decodes them later. Each check returns the reason of a refusal, or null.
/// </summary>
public static class SafeName
{
    /// <summary>Longest relative path that is accepted, in characters.</summary>
    public const int MaxPathLength = 1024;

    // Characters that fold to '/', '\' or '.' under Unicode compatibility normalisation, or look like them.
    private static readonly SearchValues<char> LookAlikes = SearchValues.Create(
        "\u2044\u2215\u29F8\uFF0F\u2216\u29F5\uFE68\uFF3C\u2024\u2025\u2026\uFE52\uFF0E\u2571\u2572");

    private static readonly SearchValues<char> PartChars = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>
    /// A relative path with forward slashes, as a hub lists it. Also refused: what becomes dangerous after percent-decoding.
    /// </summary>
    public static string? WhyNotRelativePath(string path)
    {
        if (path.Length == 0) return "it is empty";
        if (path.Length > MaxPathLength) return $"it is longer than {MaxPathLength} characters";
        var decoded = path;
        for (var round = 0; round < 4; round++)
        {
            if (WhyNotPlainRelativePath(decoded) is { } reason)
                return round == 0 ? reason : $"percent-decoded, {reason}";
            if (!decoded.Contains('%')) return null;
            var next = Uri.UnescapeDataString(decoded);
            if (next == decoded) return null;
            decoded = next;
        }
        return "it is percent-encoded many times over";
    }

    /// <summary>One part of a name: ASCII letters, digits, '.', '_' and '-', beginning with a letter, a digit or '_'.</summary>
    public static string? WhyNotPart(string part, int maxLength)
    {
        if (part.Length == 0) return "a part of it is empty";
        if (part.Length > maxLength) return $"a part of it is longer than {maxLength} characters";
        var first = part[0];
        if (first == '-') return "a part of it begins with '-'";
        if (part.AsSpan().IndexOfAnyExcept(PartChars) is var odd and >= 0) return WhyNotChar(part[odd]);
        if (part.Contains("..", StringComparison.Ordinal)) return "it contains '..'";
        if (first == '.') return "a part of it begins with '.'";
        if (part[^1] == '.') return "a part of it ends with '.'";
        return null;
    }

    /// <summary>Refuses control characters (NUL, line ends, escape sequences) and broken UTF-16.</summary>
    public static string? WhyNotPrintable(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == 0) return "it contains a NUL character";
            if (System.Text.Rune.IsControl(rune)) return "it contains a control character";
            if (rune == System.Text.Rune.ReplacementChar) return "it is not valid Unicode";
        }
        return null;
    }

    internal static StokerException Refuse(string text, string reason) =>
        new(ErrorKind.InvalidInput, $"'{Printable.Short(text, 80)}' is not {(text.Contains("://", StringComparison.Ordinal) ? "an address" : "a model name")}: {reason}.");

    private static string? WhyNotPlainRelativePath(string path)
    {
        if (WhyNotPrintable(path) is { } reason) return reason;
        if (path.Contains('\\')) return "it contains a backslash";
        if (path.AsSpan().ContainsAny(LookAlikes)) return "it contains a character that looks like a dot or a slash";
        if (path[0] == '/') return "it is an absolute path";
        if (path[0] == '~') return "it begins with '~'";
        foreach (var segment in path.Split('/'))
        {
            if (segment.Length == 0) return "it has an empty part";
            if (segment is "." or "..") return $"it contains '{segment}'";
            if (segment.Length > 255) return "a part of it is longer than 255 characters";
            if (segment[0] == '-') return "a part of it begins with '-'";
            if (segment[^1] is ' ' or '.') return "a part of it ends with a dot or a space";
        }
        return null;
    }

    private static string WhyNotChar(char found) => found switch
    {
        '\0' => "it contains a NUL character",
        '%' => "it contains '%': names are written plainly, not percent-encoded",
        '\\' => "it contains a backslash",
        '/' => "it has too many parts",
        _ when char.IsControl(found) => "it contains a control character",
        _ when LookAlikes.Contains(found) => "it contains a character that looks like a dot or a slash",
        _ => $"the character '{Printable.Short(found.ToString())}' is not allowed in it (letters, digits, '.', '_' and '-' are)",
    };
}
