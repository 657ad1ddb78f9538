using System.ComponentModel.DataAnnotations;

namespace Stoker.Core.Settings;

/// <summary>What a setting's text looks like; decides how JSON may write it.</summary>
public enum SettingKind
{
    Text,
    Number,
    Size,
    Duration,
    List,
}

/// <summary>One line of <see cref="SettingNames"/>: a setting's names, its meaning, and how it goes to and from text.</summary>
public sealed record Setting
{
    /// <summary>Key in <c>config.json</c> and for <c>stoker config</c>.</summary>
    public required string Key { get; init; }

    /// <summary>Flag of <c>stoker serve</c>.</summary>
    public required string Flag { get; init; }

    /// <summary>Environment variable.</summary>
    public required string Variable { get; init; }

    public required SettingKind Kind { get; init; }

    /// <summary>One line for <c>--help</c>, <c>config show</c> and the docs.</summary>
    public required string Doc { get; init; }

    /// <summary>The default as text, for people.</summary>
    public required string DefaultText { get; init; }

    /// <summary>The property of <see cref="StokerOptions"/> that it sets.</summary>
    public required string Property { get; init; }

    /// <summary>Options with this setting replaced by what the texts say (several only for a list). FormatException: what is wrong.</summary>
    public required Func<StokerOptions, IReadOnlyList<string>, StokerOptions> Apply { get; init; }

    /// <summary>The present value as texts; a list has any number, an unset value none.</summary>
    public required Func<StokerOptions, IReadOnlyList<string>> Show { get; init; }

    /// <summary>True: shown as dots.</summary>
    public bool IsSecret { get; init; }

    /// <summary>False: it cannot stand in the file (the file lies in it).</summary>
    public bool InFile { get; init; } = true;

    /// <summary>What is wrong with the present value, or null.</summary>
    public Func<StokerOptions, string?>? ExtraCheck { get; init; }

    /// <summary>Checks the property's annotations and <see cref="ExtraCheck"/>. Null: fine.</summary>
    public string? Check(StokerOptions options)
    {
        var property = typeof(StokerOptions).GetProperty(Property)
            ?? throw new InvalidOperationException($"SettingNames names a property that is not there: {Property}");
        var value = property.GetValue(options);
        foreach (var attribute in property.GetCustomAttributes(typeof(ValidationAttribute), inherit: false).Cast<ValidationAttribute>())
        {
            if (attribute.IsValid(value)) continue;
            return Describe(attribute, value);
        }
        return ExtraCheck?.Invoke(options);
    }

    private static string Describe(ValidationAttribute attribute, object? value) => attribute switch
    {
        RangeAttribute range => $"{value} is not between {range.Minimum} and {range.Maximum}.",
        RequiredAttribute => "must not be empty.",
        MinLengthAttribute least => $"needs at least {least.Length}.",
        MaxLengthAttribute most => $"takes at most {most.Length}.",
        _ => attribute.FormatErrorMessage("value"),
    };
}
