using Stoker.Core.Errors;

namespace Stoker.Core.Settings;

/// <summary>Where a value came from, strongest first.</summary>
public enum SettingOrigin
{
    Flag,
    Environment,
    File,
    Default,
}

/// <summary>Options with the origin of each setting.</summary>
/// <param name="Options">The effective values; valid.</param>
/// <param name="Origins">By JSON key.</param>
public sealed record EffectiveSettings(StokerOptions Options, IReadOnlyDictionary<string, SettingOrigin> Origins);

/// <summary>Decides what is in force: flags &gt; environment &gt; <c>config.json</c> &gt; default.</summary>
public static class SettingsReader
{
    /// <summary>Reads <c>config.json</c> of the home that flags and environment name, and merges.</summary>
    /// <param name="flags">Values by JSON key, as typed.</param>
    /// <param name="environment">The process environment, or a test's.</param>
    /// <exception cref="StokerException">InvalidInput: every problem of every origin, one a line.</exception>
    public static EffectiveSettings Read(
        IReadOnlyDictionary<string, IReadOnlyList<string>> flags,
        IReadOnlyDictionary<string, string> environment)
    {
        var paths = StokerPaths.Create(FindHome(flags, environment), environment);
        return Merge(flags, environment, ConfigFile.Read(paths.ConfigFile), paths.Home);
    }

    /// <summary>The folder that flags or environment name, else <c>~/.stoker</c>. Absolute.</summary>
    public static string FindHome(IReadOnlyDictionary<string, IReadOnlyList<string>> flags, IReadOnlyDictionary<string, string> environment)
    {
        if (flags.TryGetValue(SettingNames.Home.Key, out var typed) && typed.Count > 0 && typed[^1].Length > 0) return Path.GetFullPath(typed[^1]);
        if (environment.GetValueOrDefault(SettingNames.Home.Variable) is { Length: > 0 } variable) return Path.GetFullPath(variable);
        return environment.GetValueOrDefault("HOME") is { Length: > 0 } user
            ? Path.Combine(Path.GetFullPath(user), ".stoker")
            : throw new StokerException(ErrorKind.InvalidInput, "Neither STOKER_HOME nor HOME is set, so there is no folder for models: set STOKER_HOME.");
    }

    /// <summary>The pure part: merges already read sources and validates the result.</summary>
    public static EffectiveSettings Merge(
        IReadOnlyDictionary<string, IReadOnlyList<string>> flags,
        IReadOnlyDictionary<string, string> environment,
        ConfigContent file,
        string home)
    {
        var problems = new List<string>(file.Problems);
        var origins = new Dictionary<string, SettingOrigin>();
        var options = new StokerOptions { Home = home };
        foreach (var setting in SettingNames.All)
        {
            var (origin, texts) = Choose(setting, flags, environment, file);
            origins[setting.Key] = origin;
            if (texts is null || setting == SettingNames.Home) continue;
            try
            {
                options = setting.Apply(options, texts);
            }
            catch (Exception problem) when (problem is FormatException or ArgumentException)
            {
                problems.Add($"{setting.Key} ({Where(setting, origin)}): {problem.Message}");
            }
        }
        foreach (var problem in options.Validate()) problems.Add(WithOrigin(problem, origins));
        if (problems.Count == 0) return new EffectiveSettings(options, origins);
        var text = problems.Count == 1 ? problems[0] : string.Join("\n  ", problems.Prepend($"{problems.Count} settings are wrong:"));
        throw new StokerException(ErrorKind.InvalidInput, text);
    }

    /// <summary>How an origin is named to a person.</summary>
    public static string Where(Setting setting, SettingOrigin origin) => origin switch
    {
        SettingOrigin.Flag => setting.Flag,
        SettingOrigin.Environment => setting.Variable,
        SettingOrigin.File => "config.json",
        _ => "default",
    };

    private static (SettingOrigin Origin, IReadOnlyList<string>? Texts) Choose(
        Setting setting,
        IReadOnlyDictionary<string, IReadOnlyList<string>> flags,
        IReadOnlyDictionary<string, string> environment,
        ConfigContent file)
    {
        if (flags.TryGetValue(setting.Key, out var typed)) return (SettingOrigin.Flag, typed);
        if (environment.GetValueOrDefault(setting.Variable) is { Length: > 0 } variable) return (SettingOrigin.Environment, [variable]);
        return file.Values.TryGetValue(setting.Key, out var written) ? (SettingOrigin.File, written) : (SettingOrigin.Default, null);
    }

    private static string WithOrigin(string problem, Dictionary<string, SettingOrigin> origins)
    {
        var key = problem[..problem.IndexOf(':', StringComparison.Ordinal)];
        return SettingNames.Find(key) is { } setting && origins[key] != SettingOrigin.Default
            ? $"{key} ({Where(setting, origins[key])}){problem[key.Length..]}"
            : problem;
    }
}
