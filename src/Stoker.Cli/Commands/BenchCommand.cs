using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker bench model</c>: how fast a model answers here, and in how much memory, nearly empty and filled.</summary>
public static class BenchCommand
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var bench = new Command("bench", "Measure.");
        bench.Add(Model(context, global));
        return bench;
    }

    private static Command Model(CliContext context, GlobalOptions global)
    {
        var model = ModelArgument.One(global, "Which installed model.");
        var fill = new Option<int?>("--fill") { Description = "Tokens of the long prompt, which is really computed. [default: 2048, or three quarters of a context that is smaller]", HelpName = "number" };
        var tokens = new Option<int>("--tokens", "-n") { Description = "Tokens of each answer.", HelpName = "number", DefaultValueFactory = static _ => 32 };
        var load = new LoadFlags();
        var json = ListCommands.JsonFlag();
        var command = new Command("model", "Tokens a second, time to the first token and memory of a model, nearly empty and filled.") { model, fill, tokens, json };
        load.AddTo(command);
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var name = ModelArgument.Absolute(parsed.GetValue(model)!, context.Environment);
            if (parsed.GetValue(fill) < 64 || parsed.GetValue(tokens) < 2) throw new StokerException(ErrorKind.InvalidInput, "--fill takes 64 or more, --tokens 2 or more.");
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            if (await client.TryShowAsync(name, interrupts.Token) is not { } installed) throw new StokerException(ErrorKind.NotFound, $"{Printable.Short(name)} is not installed: stoker pull {Printable.Short(name)}");
            var options = load.Read(parsed) with { IgnoreEos = true, Progress = true };
            var report = await new ModelBench(context, client, installed.Summary.Name, options, parsed.GetValue(tokens)).RunAsync(parsed.GetValue(fill), interrupts.Token);
            if (parsed.GetValue(json)) context.Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.ModelBenchReport));
            else Write(context.Console, report);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static void Write(CliConsole console, ModelBenchReport report)
    {
        var (empty, filled) = (report.NearlyEmpty, report.Filled);
        var table = new Table("", "NEARLY EMPTY", "FILLED") { RightAligned = new HashSet<int> { 1, 2 } };
        Row("tokens in the context", static state => state.ContextTokens, "0");
        Row("prefill, tokens/s", static state => state.PrefillPerSecond, "0.0");
        Row("decode, tokens/s", static state => state.DecodePerSecond, "0.00");
        Row("time to first token, ms", static state => state.FirstTokenMs, "0");
        Row("RssAnon, MiB", static state => state.Memory?.RssAnon, "0");
        Row("RssFile, MiB", static state => state.Memory?.RssFile, "0");
        Row("Private_Dirty, MiB", static state => state.Memory?.PrivateDirty, "0");
        Row("VmHWM, MiB", static state => state.Memory?.VmHwm, "0");
        table.Write(console);
        if (report.Start is { } start) console.Out.WriteLine(start);
        else console.Note($"It was loaded before: VmHWM is the most since then (`stoker stop {Printable.Short(report.Model)}` first measures a start too).");

        void Row(string what, Func<ModelBenchState, double?> value, string format) =>
            table.Add(what, Text(value(empty), format), Text(value(filled), format));
    }

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>What <c>stoker bench model</c> measured.</summary>
/// <param name="Start">The stages of its start with their bytes and what of them was in the page cache; null: it was loaded before.</param>
public sealed record ModelBenchReport(string Model, string? Start, ModelBenchState NearlyEmpty, ModelBenchState Filled);

/// <summary>One state of the context.</summary>
/// <param name="ContextTokens">Prompt and answer.</param>
/// <param name="PrefillPerSecond">Tokens a second of the prompt, those that were not kept from before.</param>
/// <param name="DecodePerSecond">Tokens a second of the answer.</param>
/// <param name="FirstTokenMs">From the request to its first text, over the daemon, the model being loaded.</param>
/// <param name="Memory">Of the model's runner, after the answer; null when it could not be looked at.</param>
public sealed record ModelBenchState(int ContextTokens, double PrefillPerSecond, double DecodePerSecond, double FirstTokenMs, ProcessFigures? Memory);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ModelBenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
