using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stoker.Core.Formats.Gguf;

/// <summary>Names of split files: <c>model-00001-of-00003.gguf</c> (llama_split_path).</summary>
/// <param name="Prefix">What precedes the numbers, with its folder.</param>
/// <param name="Number">1 to <paramref name="Count"/>.</param>
/// <param name="Count">How many parts there are.</param>
public sealed record GgufSplit(string Prefix, int Number, int Count)
{
    private const int Tail = 20;

    /// <summary>The name of another part of the same model.</summary>
    public string NameOf(int number) => Name(Prefix, number, Count);

    public static string Name(string prefix, int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}-{number:00000}-of-{count:00000}.gguf");

    /// <summary>Null when the name is not one of a part. A name whose numbers make no sense (0, or beyond the count) is none.</summary>
    public static bool TryParse(string fileName, [NotNullWhen(true)] out GgufSplit? split)
    {
        split = null;
        // From the end: -NNNNN-of-NNNNN.gguf
        if (fileName.Length <= Tail || !fileName.EndsWith(".gguf", StringComparison.Ordinal)) return false;
        var tail = fileName.AsSpan(fileName.Length - Tail);
        if (tail[0] != '-' || !tail[6..10].SequenceEqual("-of-")) return false;
        if (!TryNumber(tail[1..6], out var number) || !TryNumber(tail[10..15], out var count)) return false;
        if (number < 1 || number > count) return false;
        split = new GgufSplit(fileName[..^Tail], number, count);
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> digits, out int number) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
