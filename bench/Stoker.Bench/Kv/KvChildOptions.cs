using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>What a child of the KV benchmark opens.</summary>
internal sealed record KvChildOptions
{
    /// <summary><c>stock</c>: the library alone; <c>ssd</c>: the engine's context with KV in files.</summary>
    public required string Side { get; init; }
    public required string Model { get; init; }

    /// <summary>Of each slot.</summary>
    public required int ContextTokens { get; init; }
    public int Slots { get; init; } = 1;
    public int Threads { get; init; } = 2;
    public int MicroBatch { get; init; } = 512;

    /// <summary>For KV files.</summary>
    public required string Folder { get; init; }

    public IReadOnlyList<string> Arguments() =>
        [Side, Model, Text(ContextTokens), Text(Slots), Text(Threads), Text(MicroBatch), Folder];

    public static KvChildOptions Parse(IReadOnlyList<string> arguments) => new()
    {
        Side = arguments[0],
        Model = arguments[1],
        ContextTokens = Number(arguments[2]),
        Slots = Number(arguments[3]),
        Threads = Number(arguments[4]),
        MicroBatch = Number(arguments[5]),
        Folder = arguments[6],
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
