using System.Globalization;
using System.Text;

namespace Stoker.Cli.Output;

/// <summary>Columns that text takes on a terminal: two for East Asian wide and emoji, none for marks that combine.</summary>
public static class TextWidth
{
    // Wide ranges of Unicode's EastAsianWidth.txt (W and F), coarse.
    private static readonly (int From, int To)[] Wide =
    [
        (0x1100, 0x115F), (0x2E80, 0x303E), (0x3041, 0x33FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA4CF), (0xA960, 0xA97F),
        (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFE6F), (0xFF00, 0xFF60), (0xFFE0, 0xFFE6), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF),
        (0x1F900, 0x1F9FF), (0x20000, 0x3FFFD),
    ];

    public static int Of(Rune rune)
    {
        var category = Rune.GetUnicodeCategory(rune);
        if (category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format) return 0;
        foreach (var (from, to) in Wide)
        {
            if (rune.Value >= from && rune.Value <= to) return 2;
        }
        return 1;
    }

    public static int Of(string text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes()) width += Of(rune);
        return width;
    }

    /// <summary>The text, cut with an ellipsis where it would take more columns.</summary>
    public static string Cut(string text, int columns)
    {
        if (columns <= 0) return "";
        if (Of(text) <= columns) return text;
        var cut = new StringBuilder();
        var width = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            width += Of(rune);
            if (width > columns - 1) break;
            cut.Append(rune.ToString());
        }
        return cut.Append('…').ToString();
    }

    /// <summary>The text, filled with spaces to that many columns.</summary>
    public static string Pad(string text, int columns) => text + new string(' ', Math.Max(0, columns - Of(text)));
}
