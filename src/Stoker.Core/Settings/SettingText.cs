using System.Globalization;
using Stoker.Core.Errors;

namespace Stoker.Core.Settings;

/// <summary>Settings as people write them: <c>5m</c>, <c>16MiB</c>, <c>a,b</c>. Each parser throws FormatException with what it expected.</summary>
public static class SettingText
{
    private const double LongestSeconds = 10 * 365 * 86400.0;

    private static readonly (string Unit, double Seconds)[] TimeUnits = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];

    private static readonly (string Unit, long Bytes)[] SizeUnits =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("T", 1L << 40), ("B", 1),
    ];

    /// <summary>A number with <c>ms</c>, <c>s</c>, <c>m</c>, <c>h</c> or <c>d</c> (seconds without a unit); negative: for ever, as -1 s.</summary>
    public static TimeSpan ParseDuration(string text)
    {
        var trimmed = text.Trim();
        if (trimmed is "forever" or "never") return TimeSpan.FromSeconds(-1);
        var unit = TimeUnits.FirstOrDefault(unit => trimmed.EndsWith(unit.Unit, StringComparison.Ordinal));
        var number = unit.Unit is null ? trimmed : trimmed[..^unit.Unit.Length];
        if (!double.TryParse(number, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            || !double.IsFinite(value)
            || value * (unit.Unit is null ? 1 : unit.Seconds) > LongestSeconds)
        {
            throw new FormatException($"'{Printable.Short(text)}' is not a duration of up to ten years: write 30s, 5m, 2h, 0 (at once) or -1 (for ever).");
        }
        if (value < 0) return TimeSpan.FromSeconds(-1);
        return TimeSpan.FromSeconds(value * (unit.Unit is null ? 1 : unit.Seconds));
    }

    /// <summary>Shortest exact text of a duration that <see cref="ParseDuration"/> reads back.</summary>
    public static string Duration(TimeSpan value)
    {
        if (value < TimeSpan.Zero) return "-1";
        if (value == TimeSpan.Zero) return "0";
        foreach (var (unit, seconds) in TimeUnits.Reverse())
        {
            var count = value.TotalSeconds / seconds;
            if (count >= 1 && count == Math.Floor(count)) return string.Create(CultureInfo.InvariantCulture, $"{count}{unit}");
        }
        return string.Create(CultureInfo.InvariantCulture, $"{value.TotalMilliseconds}ms");
    }

    /// <summary>A whole number of bytes, with an optional unit (KiB = 1024, KB = 1000).</summary>
    public static long ParseSize(string text)
    {
        var trimmed = text.Trim();
        var unit = SizeUnits.FirstOrDefault(unit => trimmed.EndsWith(unit.Unit, StringComparison.OrdinalIgnoreCase));
        var number = unit.Unit is null ? trimmed : trimmed[..^unit.Unit.Length].TrimEnd();
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            || value > (decimal)long.MaxValue / (unit.Unit is null ? 1 : unit.Bytes))
        {
            throw new FormatException($"'{Printable.Short(text)}' is not a size: write bytes, or a number with KiB, MiB or GiB.");
        }
        return (long)(value * (unit.Unit is null ? 1 : unit.Bytes));
    }

    /// <summary>Text of a size that <see cref="ParseSize"/> reads back to the same number.</summary>
    public static string Size(long bytes)
    {
        foreach (var (unit, size) in SizeUnits.Take(4).Reverse())
        {
            if (bytes >= size && bytes % size == 0) return $"{bytes / size}{unit}";
        }
        return bytes.ToString(CultureInfo.InvariantCulture);
    }

    public static int ParseNumber(string text) =>
        int.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"'{Printable.Short(text)}' is not a whole number.");

    /// <summary>Entries of a list: each text may hold several, separated by commas.</summary>
    public static IReadOnlyList<string> ParseList(IReadOnlyList<string> texts) =>
        [.. texts.SelectMany(static text => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    /// <summary>The one text, which is one of these words.</summary>
    public static string Choice(IReadOnlyList<string> texts, params ReadOnlySpan<string> words)
    {
        var text = Single(texts).Trim();
        foreach (var word in words)
        {
            if (string.Equals(text, word, StringComparison.OrdinalIgnoreCase)) return word;
        }
        throw new FormatException($"'{Printable.Short(text)}' is none of {string.Join(", ", words)}.");
    }

    /// <summary>The one text of a setting that is no list.</summary>
    public static string Single(IReadOnlyList<string> texts) =>
        texts.Count == 1 ? texts[0] : throw new FormatException($"takes one value, not {texts.Count}.");
}
