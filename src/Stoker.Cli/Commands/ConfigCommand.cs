using System.CommandLine;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker config</c>: what is set, from where, and how to change it. Works without a daemon.</summary>
public static class ConfigCommand
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var command = new Command("config", "Show and change settings.");
        command.Add(Show(context, global));
        command.Add(Get(context, global));
        command.Add(Set(context, global));
        command.Add(Unset(context, global));
        command.Add(FilePath(context, global));
        return command;
    }

    private static Command Show(CliContext context, GlobalOptions global)
    {
        var json = ListCommands.JsonFlag();
        var command = new Command("show", "Show every setting, its value and where it comes from.") { json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var effective = SettingsReader.Read(global.Flags(parsed), context.Environment);
            if (parsed.GetValue(json))
            {
                var entries = SettingNames.All.Select(setting => new ConfigEntry(setting.Key, Text(setting, effective.Options), Word(effective.Origins[setting.Key])));
                JsonOutput.Write(context.Console, new ConfigReport([.. entries]), static known => known.ConfigReport);
                return ExitCodes.Ok;
            }
            var table = new Table("SETTING", "VALUE", "FROM", "MEANING");
            foreach (var setting in SettingNames.All)
                table.Add(setting.Key, Text(setting, effective.Options) ?? $"({setting.DefaultText})", SettingsReader.Where(setting, effective.Origins[setting.Key]), setting.Doc);
            table.Write(context.Console);
            await NoteDaemonAsync(context, global, parsed, effective.Options, interrupts.Token);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command Get(CliContext context, GlobalOptions global)
    {
        var key = KeyArgument();
        var command = new Command("get", "Print one setting's value.") { key };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, _ =>
        {
            var setting = Known(parsed.GetValue(key)!);
            var effective = SettingsReader.Read(global.Flags(parsed), context.Environment);
            context.Console.Out.WriteLine(Text(setting, effective.Options) ?? "");
            return Task.FromResult(ExitCodes.Ok);
        }));
        return command;
    }

    private static Command Set(CliContext context, GlobalOptions global)
    {
        var key = KeyArgument();
        var values = new Argument<string[]>("values") { Description = "The value; several for a list.", HelpName = "VALUE", Arity = ArgumentArity.OneOrMore };
        var command = new Command("set", "Write a setting to config.json.") { key, values };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var setting = InFile(parsed.GetValue(key)!);
            var paths = global.Paths(parsed);
            var options = Check(setting, parsed.GetValue(values)!, paths);
            paths.CreateFolders();
            ConfigFile.Set(paths.ConfigFile, setting, setting.Show(options));
            if (context.Environment.ContainsKey(setting.Variable)) context.Console.Note($"note: {setting.Variable} is set in the environment and wins over the file.");
            await NoteRestartAsync(context, global, parsed, interrupts.Token);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command Unset(CliContext context, GlobalOptions global)
    {
        var key = KeyArgument();
        var command = new Command("unset", "Take a setting out of config.json, back to its default.") { key };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var paths = global.Paths(parsed);
            var setting = InFile(parsed.GetValue(key)!);
            if (File.Exists(paths.ConfigFile)) ConfigFile.Set(paths.ConfigFile, setting, null);
            await NoteRestartAsync(context, global, parsed, interrupts.Token);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command FilePath(CliContext context, GlobalOptions global)
    {
        var command = new Command("path", "Print where config.json is.");
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, _ =>
        {
            context.Console.Out.WriteLine(global.Paths(parsed).ConfigFile);
            return Task.FromResult(ExitCodes.Ok);
        }));
        return command;
    }

    private static Argument<string> KeyArgument()
    {
        var key = new Argument<string>("setting") { Description = "As `stoker config show` names it.", HelpName = "SETTING" };
        key.CompletionSources.Add(static _ => SettingNames.All.Select(static setting => new System.CommandLine.Completions.CompletionItem(setting.Key)));
        return key;
    }

    private static Setting Known(string key) => SettingNames.Find(key)
        ?? throw new StokerException(ErrorKind.InvalidInput, $"There is no setting '{Printable.Short(key)}'{ConfigFile.Suggest(key)} `stoker config show` lists them.");

    private static Setting InFile(string key) => Known(key) is { InFile: true } setting
        ? setting
        : throw new StokerException(ErrorKind.InvalidInput, $"'{key}' cannot stand in config.json: set {Known(key).Variable}, or use {Known(key).Flag}.");

    // Checked together with the rest of the file, so that two settings that need each other say so.
    private static StokerOptions Check(Setting setting, string[] values, StokerPaths paths)
    {
        var file = ConfigFile.Read(paths.ConfigFile);
        var merged = new Dictionary<string, IReadOnlyList<string>>(file.Values) { [setting.Key] = values };
        return SettingsReader.Merge(new Dictionary<string, IReadOnlyList<string>>(), new Dictionary<string, string>(), new ConfigContent(merged, file.Problems), paths.Home).Options;
    }

    private static string? Text(Setting setting, StokerOptions options)
    {
        var texts = setting.Show(options);
        if (setting.IsSecret && texts.Count > 0) return "(set)";
        return texts.Count == 0 ? null : string.Join(',', texts);
    }

    private static string Word(SettingOrigin origin) => origin.ToString().ToLowerInvariant();

    private static async Task NoteRestartAsync(CliContext context, GlobalOptions global, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var client = await global.TryConnectAsync(parsed, cancellationToken);
        if (client is not null) context.Console.Note("The running daemon takes it after a restart: stoker serve --stop, then any command.");
    }

    private static async Task NoteDaemonAsync(CliContext context, GlobalOptions global, ParseResult parsed, StokerOptions options, CancellationToken cancellationToken)
    {
        using var client = await global.TryConnectAsync(parsed, cancellationToken);
        if (client is null) return;
        var running = (await client.ConfigAsync(cancellationToken)).Entries.ToDictionary(static entry => entry.Name, static entry => entry.Value);
        foreach (var setting in SettingNames.All)
        {
            if (setting.IsSecret || !running.TryGetValue(setting.Key, out var value) || (value ?? "") == (Text(setting, options) ?? "")) continue;
            context.Console.Note($"note: the running daemon was started with {setting.Key} = {(string.IsNullOrEmpty(value) ? setting.DefaultText : value)}.");
        }
    }
}
