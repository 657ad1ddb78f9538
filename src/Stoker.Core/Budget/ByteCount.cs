using System.Globalization;

namespace Stoker.Core.Budget;

/// <summary>Bytes for people: <c>1.4 GiB</c>.</summary>
public static class ByteCount
{
    public static string Text(long bytes) => bytes switch
    {
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB"),
    };
}
