using System.Globalization;

namespace Stoker.Cli.Output;

/// <summary>Numbers as people read them.</summary>
public static class Units
{
    private static readonly string[] Sizes = ["B", "kB", "MB", "GB", "TB", "PB"];

    /// <summary>Three significant digits in powers of 1000, as disks and hubs count: <c>398 MB</c>, <c>4.37 GB</c>.</summary>
    public static string Bytes(double bytes)
    {
        var unit = 0;
        // 999.5 would round to "1000".
        while (Math.Abs(bytes) >= 999.5 && unit < Sizes.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }
        var digits = unit == 0 || Math.Abs(bytes) >= 99.95 ? "0" : Math.Abs(bytes) >= 9.995 ? "0.0" : "0.00";
        return string.Create(CultureInfo.InvariantCulture, $"{bytes.ToString(digits, CultureInfo.InvariantCulture)} {Sizes[unit]}");
    }

    public static string Rate(double bytesPerSecond) => Bytes(bytesPerSecond) + "/s";

    /// <summary><c>12 ms</c>, <c>3.4 s</c>, <c>2m05s</c>, <c>3h07m</c>, <c>2d04h</c>.</summary>
    public static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.Zero) time = TimeSpan.Zero;
        if (time.TotalMilliseconds < 999.5) return string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms");
        if (time.TotalSeconds < 9.95) return string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
        if (time.TotalSeconds < 59.5) return string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");
        var whole = TimeSpan.FromSeconds(Math.Round(time.TotalSeconds));
        if (whole.TotalHours < 1) return $"{whole.Minutes}m{whole.Seconds:00}s";
        return whole.TotalDays < 1 ? $"{whole.Hours}h{whole.Minutes:00}m" : $"{(int)whole.TotalDays}d{whole.Hours:00}h";
    }

    /// <summary><c>just now</c>, <c>5 minutes ago</c>, <c>3 days ago</c>.</summary>
    public static string Ago(TimeSpan time) => time.TotalSeconds switch
    {
        < 60 => "just now",
        < 3600 => Count((int)time.TotalMinutes, "minute") + " ago",
        < 86400 => Count((int)time.TotalHours, "hour") + " ago",
        < 86400 * 60 => Count((int)time.TotalDays, "day") + " ago",
        _ => Count((int)(time.TotalDays / 30.44), "month") + " ago",
    };

    /// <summary><c>1 file</c>, <c>3 files</c>.</summary>
    public static string Count(long count, string noun) => count == 1 ? $"1 {noun}" : string.Create(CultureInfo.InvariantCulture, $"{count} {noun}s");

    /// <summary>Numbers of weights: <c>494M</c>, <c>7.62B</c>.</summary>
    public static string Parameters(long count) => count switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:0.##}B"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.#}M"),
        >= 1_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e3:0.#}K"),
        _ => count.ToString(CultureInfo.InvariantCulture),
    };
}
