namespace Stoker.Bench;

/// <summary>What to measure, and of which program.</summary>
internal sealed record BenchOptions
{
    public const string Usage = """
        ./run bench [NAME ...] [--json] [--quick] [--program PATH]
          decode       tokens a second through the API against a bare loop, and private memory of both
          first-token  from the first sampled token to the client's first text
          start-up     stoker version against an empty .NET program
          memory       the daemon's private memory after a pull, a chat, an unload and a minute of rest
        --quick measures a few times only: for trying the benchmark, not for figures.
        """;

    private static readonly string[] Known = ["start-up", "first-token", "decode", "memory"];

    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>The program under test.</summary>
    public required string Program { get; init; }

    /// <summary>An empty .NET program, built beside this one.</summary>
    public required string EmptyProgram { get; init; }

    /// <summary>The loopback hub, built beside this one.</summary>
    public required string HubProgram { get; init; }

    public bool Json { get; init; }

    public bool Quick { get; init; }

    /// <summary>Null: the arguments are not understood.</summary>
    public static BenchOptions? Parse(IReadOnlyList<string> arguments, string baseFolder)
    {
        var names = new List<string>();
        var options = new BenchOptions
        {
            Names = names,
            Program = Path.Combine(baseFolder, "stoker"),
            EmptyProgram = Path.Combine(baseFolder, "Stoker.Bench.Empty"),
            HubProgram = Path.Combine(baseFolder, "FakeHub"),
        };
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--json":
                    options = options with { Json = true };
                    break;
                case "--quick":
                    options = options with { Quick = true };
                    break;
                case "--program" when i + 1 < arguments.Count:
                    options = options with { Program = Path.GetFullPath(arguments[++i]) };
                    break;
                case var name when Known.Contains(name):
                    names.Add(name);
                    break;
                default:
                    return null;
            }
        }
        return names.Count == 0 ? options with { Names = Known } : options;
    }
}
