using System.CommandLine;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Engine.Sessions;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>The flags that say how a model is loaded; each is a setting too, which holds where the flag is absent.</summary>
public sealed class LoadFlags
{
    private readonly Option<int?> _context = Number(SettingNames.ContextTokens);
    private readonly Option<int?> _threads = Number(SettingNames.Threads);
    private readonly Option<int?> _parallel = Number(SettingNames.Parallel);
    private readonly Option<string?> _kv = Word(SettingNames.Kv);
    private readonly Option<string?> _kvType = Word(SettingNames.KvType);
    private readonly Option<int?> _kvWindow = Number(SettingNames.KvWindow);
    private readonly Option<string?> _repack = Word(SettingNames.Repack);
    private readonly Option<bool> _noRepack = new("--no-repack") { Description = "The same as --repack off." };
    private readonly Option<int?> _gpuLayers = Number(SettingNames.GpuLayers);
    private readonly Option<string?> _durability = Word(SettingNames.Durability);

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _context, _threads, _parallel, _kv, _kvType, _kvWindow, _repack, _noRepack, _gpuLayers, _durability }) command.Add(option);
    }

    /// <exception cref="StokerException">InvalidInput: a number out of range, a word that is none.</exception>
    public StokerExtension Read(ParseResult parsed)
    {
        if (parsed.GetValue(_noRepack) && parsed.GetValue(_repack) is not (null or "off")) throw new StokerException(ErrorKind.InvalidInput, "--no-repack and --repack say different things: leave one out.");
        var asked = new StokerExtension
        {
            ContextTokens = Checked(_context, parsed, 16, KvLayout.MaxCells),
            Threads = Checked(_threads, parsed, 1, 1024),
            Parallel = Checked(_parallel, parsed, 1, 64),
            Kv = parsed.GetValue(_kv),
            KvType = parsed.GetValue(_kvType),
            KvWindow = Checked(_kvWindow, parsed, 256, 16 << 20),
            Repack = parsed.GetValue(_noRepack) ? "off" : parsed.GetValue(_repack),
            GpuLayers = Checked(_gpuLayers, parsed, 0, 100_000),
            Durability = parsed.GetValue(_durability),
        };
        _ = asked.Load; // refuses words that are none, before anything is fetched
        return asked;
    }

    /// <summary>Told in the words that were typed, not in those of the API.</summary>
    public static int? Checked(Option<int?> option, ParseResult parsed, int least, int most) => parsed.GetValue(option) switch
    {
        null => null,
        { } value when value >= least && value <= most => value,
        { } value => throw new StokerException(ErrorKind.InvalidInput, $"{option.Name} takes {least} to {most}, not {value}."),
    };

    private static Option<int?> Number(Setting setting) => new(setting.Flag) { Description = $"{setting.Doc} [default: {setting.DefaultText}]", HelpName = "number" };

    private static Option<string?> Word(Setting setting) => new(setting.Flag) { Description = $"{setting.Doc} [default: {setting.DefaultText}]", HelpName = "word" };
}
