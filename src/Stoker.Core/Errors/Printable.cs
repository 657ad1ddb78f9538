using System.Text;

namespace Stoker.Core.Errors;

/// <summary>Makes foreign text fit for a message or a terminal: no control characters, no escape sequences, bounded length.</summary>
public static class Printable
{
    /// <summary>At most <paramref name="maxLength"/> characters; control, format and unpaired surrogate characters become '?'.</summary>
    public static string Short(string? text, int maxLength = 120)
    {
        if (string.IsNullOrEmpty(text)) return "";
        var shown = new StringBuilder(Math.Min(text.Length, maxLength) + 1);
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= maxLength) return shown.Append('…').ToString();
            var category = Rune.GetUnicodeCategory(rune);
            var hidden = category is System.Globalization.UnicodeCategory.Control
                or System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator
                or System.Globalization.UnicodeCategory.ParagraphSeparator
                || rune == Rune.ReplacementChar;
            if (hidden) shown.Append('?'); else shown.Append(rune.ToString());
        }
        return shown.ToString();
    }
}
