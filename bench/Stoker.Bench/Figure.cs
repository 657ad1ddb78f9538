using System.Globalization;
using System.Text.Json.Serialization;

namespace Stoker.Bench;

/// <summary>One measured number and what it is held against.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The number; null: none, and why is in the detail.</param>
/// <param name="Unit">Its unit; empty for a ratio.</param>
/// <param name="Bar">The bar as text (<c>≥ 0.97</c>), or null when it is only told.</param>
/// <param name="Passed">Whether it is on the right side of the bar; null without one.</param>
/// <param name="Detail">What it was computed from.</param>
internal sealed record Figure(string Name, double? Value, string Unit, string? Bar, bool? Passed, string Detail)
{
    public static Figure AtLeast(string name, double value, double bar, string unit, string detail) =>
        new(name, Measured(value), unit, string.Create(CultureInfo.InvariantCulture, $">= {bar} {unit}").TrimEnd(), value >= bar, detail);

    public static Figure AtMost(string name, double value, double bar, string unit, string detail) =>
        new(name, Measured(value), unit, string.Create(CultureInfo.InvariantCulture, $"<= {bar} {unit}").TrimEnd(), value <= bar, detail);

    public static Figure Told(string name, double value, string unit, string detail) => new(name, Measured(value), unit, null, null, detail);

    public override string ToString()
    {
        var verdict = Passed switch { true => "ok    ", false => "MISSED", null => "      " };
        var value = Value is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{Value:0.###} {Unit}").TrimEnd();
        return $"{verdict} {Name,-72} {value,18}  {Bar,-12} {Detail}";
    }

    // JSON has no other numbers.
    private static double? Measured(double value) => double.IsFinite(value) ? value : null;
}

/// <summary>A whole run, for <c>--json</c>.</summary>
internal sealed record BenchReport(MachineConditions Conditions, IReadOnlyList<Figure> Figures);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
