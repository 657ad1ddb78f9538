using System.Globalization;
using System.Text.RegularExpressions;

namespace Stoker.Supply.Sources;

/// <summary>A part of a split GGUF: <c>stem-00002-of-00005.gguf</c>.</summary>
/// <param name="Stem">The path before the numbers.</param>
/// <param name="Number">From 1.</param>
/// <param name="Count">Parts in all, at least 1.</param>
public readonly partial record struct SplitName(string Stem, int Number, int Count)
{
    public static bool TryParse(string path, out SplitName split)
    {
        split = default;
        var match = Pattern().Match(path);
        if (!match.Success) return false;
        var number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
        var count = int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture);
        if (count < 1 || number < 1 || number > count) return false;
        split = new SplitName(match.Groups["stem"].Value, number, count);
        return true;
    }

    /// <summary>The path of another part.</summary>
    public string PathOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{Stem}-{number:D5}-of-{Count:D5}.gguf");

    [GeneratedRegex(@"^(?<stem>.+)-(?<number>\d{5})-of-(?<count>\d{5})\.gguf\z", RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pattern();
}
