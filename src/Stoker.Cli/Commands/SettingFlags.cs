using System.CommandLine;
using Stoker.Core.Settings;

namespace Stoker.Cli.Commands;

/// <summary>The flags of <c>serve</c>: one a setting, from the table.</summary>
public sealed class SettingFlags
{
    private readonly Dictionary<string, Option<string[]>> _options = [];

    public SettingFlags(Command command)
    {
        foreach (var setting in SettingNames.All)
        {
            if (setting == SettingNames.Home) continue;
            var option = new Option<string[]>(setting.Flag)
            {
                Description = $"{setting.Doc} [{setting.Variable}; default: {setting.DefaultText}]",
                HelpName = HelpName(setting.Kind),
                AllowMultipleArgumentsPerToken = false,
                Arity = ArgumentArity.OneOrMore,
            };
            _options[setting.Key] = option;
            command.Add(option);
        }
    }

    /// <summary>What was typed, by JSON key. Given twice: a list has both, anything else the last.</summary>
    public Dictionary<string, IReadOnlyList<string>> Typed(ParseResult parsed)
    {
        var typed = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var (key, option) in _options)
        {
            if (parsed.GetResult(option) is null || parsed.GetValue(option) is not { Length: > 0 } texts) continue;
            typed[key] = SettingNames.Find(key)!.Kind == SettingKind.List ? texts : [texts[^1]];
        }
        return typed;
    }

    /// <summary>The typed flags again, for a daemon in the background; secrets are left to its environment, because argv is seen by others.</summary>
    public IReadOnlyList<string> Forward(ParseResult parsed)
    {
        var arguments = new List<string>();
        foreach (var (key, texts) in Typed(parsed))
        {
            var setting = SettingNames.Find(key)!;
            if (setting.IsSecret) continue;
            foreach (var text in texts) arguments.AddRange([setting.Flag, setting == SettingNames.LlamaDirectory ? Path.GetFullPath(text) : text]);
        }
        return arguments;
    }

    /// <summary>The environment with typed secrets in it.</summary>
    public IReadOnlyDictionary<string, string> WithSecrets(ParseResult parsed, IReadOnlyDictionary<string, string> environment)
    {
        var with = new Dictionary<string, string>(environment);
        foreach (var (key, texts) in Typed(parsed))
        {
            if (SettingNames.Find(key) is { IsSecret: true } setting) with[setting.Variable] = string.Join(',', texts);
        }
        return with;
    }

    private static string HelpName(SettingKind kind) => kind switch
    {
        SettingKind.Number => "number",
        SettingKind.Size => "size",
        SettingKind.Duration => "duration",
        SettingKind.List => "a,b",
        _ => "text",
    };
}
