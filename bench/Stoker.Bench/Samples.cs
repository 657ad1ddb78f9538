namespace Stoker.Bench;

/// <summary>Medians, because other programs make some samples long and none short.</summary>
internal static class Samples
{
    public static double Median(IEnumerable<double> samples)
    {
        var sorted = samples.Order().ToArray();
        if (sorted.Length == 0) return double.NaN;
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public static string Range(IReadOnlyCollection<double> samples, string format = "0.0") =>
        $"{samples.Min().ToString(format, System.Globalization.CultureInfo.InvariantCulture)}..{samples.Max().ToString(format, System.Globalization.CultureInfo.InvariantCulture)}";
}
