using System.Globalization;
using System.Text;

namespace Stoker.Cli.Output;

/// <summary>
/// Makes a model's text harmless for a terminal: control and format characters that could move the cursor, rename the window or hide
/// text are dropped; line breaks and tabs stay. Text that goes to a file or a pipe is left as it is.
/// </summary>
public static class TerminalText
{
    public static string Clean(string text)
    {
        if (!NeedsCleaning(text)) return text;
        var clean = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            if (IsHarmless(letter)) clean.Append(letter);
        }
        return clean.ToString();
    }

    private static bool NeedsCleaning(string text)
    {
        foreach (var letter in text)
        {
            if (!IsHarmless(letter)) return true;
        }
        return false;
    }

    // Zero-width joiners (U+200C, U+200D) are part of scripts and emoji; the bidirectional overrides are not.
    private static bool IsHarmless(char letter) =>
        letter is '\n' or '\t' or '\u200C' or '\u200D'
        || (!char.IsControl(letter) && char.GetUnicodeCategory(letter) != UnicodeCategory.Format);
}
