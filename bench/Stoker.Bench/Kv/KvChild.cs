using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stoker.Native.Llama;

namespace Stoker.Bench.Kv;

/// <summary>
/// One side in a process of its own, so that its memory can be looked at, limited and killed: told over standard input what to
/// do, a command a line, answering each with a line of JSON.
/// </summary>
internal static class KvChild
{
    public const string Verb = "kv-child";

    public static int Run(IReadOnlyList<string> arguments)
    {
        var options = KvChildOptions.Parse(arguments);
        var log = new LlamaLog(forward: static (_, _) => { });
        if (!LlamaLibrary.TryLoad(LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory), log, out var library, out var reason))
        {
            Console.Error.WriteLine(reason);
            return 1;
        }
        // Repacked weights would be private memory of both sides and hide what is compared.
        using var model = LlamaModel.Load(library, [options.Model], new ModelLoadOptions { Repack = false }, null, CancellationToken.None);
        var begun = Stopwatch.GetTimestamp();
        using KvSide side = options.Side == "stock" ? new StockSide(library, model, options) : SsdSide.Open(library, model, options);
        using var commands = new KvCommands(library, side, options);
        Answer(new KvReply { Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds, Mode = side.Mode });
        while (Console.In.ReadLine() is { } line) Answer(Do(commands, line.Split(' ')));
        return 0;
    }

    private static KvReply Do(KvCommands commands, string[] words)
    {
        try
        {
            return words switch
            {
                ["template", var path] => commands.Template(path),
                ["fill", var slot, var cells, var path] => commands.Fill(Number(slot), Number(cells), path),
                ["begin", var slot] => commands.NewConversation(Number(slot)),
                ["prefill", var slot, var tokens] => commands.Prefill(Number(slot), Number(tokens)),
                ["decode", var slot, var tokens] => commands.Decode(Number(slot), Number(slot), Number(tokens)),
                ["decode-all", var tokens] => commands.Decode(0, commands.Slots - 1, Number(tokens)),
                ["switch", var slot, var times] => commands.Switch(Number(slot), Number(times)),
                ["session", var slot, var cells, var path] => commands.Session(Number(slot), Number(cells), path),
                ["restore", var slot, var times] => commands.Restore(Number(slot), Number(times)),
                ["fork", var from, var to, var cells, var times] => commands.Fork(Number(from), Number(to), Number(cells), Number(times)),
                ["fork-many", var from, var count, var tokens] => commands.ForkMany(Number(from), Number(count), Number(tokens)),
                ["page-out", var slot] => commands.PageOut(Number(slot)),
                _ => throw new InvalidOperationException($"'{string.Join(' ', words)}' is no command."),
            };
        }
        catch (Exception error)
        {
            // A root: the parent says what failed.
            return new KvReply { Error = error.ToString() };
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Answer(KvReply reply) => Console.Out.WriteLine(JsonSerializer.Serialize(reply, KvJson.Default.KvReply));
}
