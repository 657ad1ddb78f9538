using System.Globalization;
using Stoker.Bench.Kv;

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
          fetch        2 GiB from a paced and an unpaced loopback origin, beside aria2c and curl; only when it is named (25 minutes)
          kv [PART ...]  KV in files against the library's own buffer type, only when named; parts: memory long prefill speed batch
                         switch requests forks pressure rows large, five minutes at most each, the models of the first run apart
        of fetch: --pairs N (7; whom no bar needs runs three times), --size MIB (2048), --bars-only (nobody that no bar needs),
                  --part paced-disk|paced-tmpfs|unpaced-disk|unpaced-tmpfs|http2|hit (may be repeated; default: all)
        of kv: --folder DIR keeps the models there for the next run (all parts: 40 GB).
        --quick measures a few times only, kv with small models: for trying the benchmark, not for figures.
        """;

    public const string Kv = "kv";

    private static readonly string[] Known = ["start-up", "first-token", "decode", "memory"];
    private static readonly string[] FetchParts = ["paced-disk", "paced-tmpfs", "unpaced-disk", "unpaced-tmpfs", "http2", "hit"];

    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>The program under test.</summary>
    public required string Program { get; init; }

    /// <summary>An empty .NET program, built beside this one.</summary>
    public required string EmptyProgram { get; init; }

    /// <summary>The loopback hub, built beside this one.</summary>
    public required string HubProgram { get; init; }

    /// <summary><c>tools/lab</c> of the repository.</summary>
    public required string LabFolder { get; init; }

    /// <summary>How many times each contender of a part of <c>fetch</c> runs.</summary>
    public int Pairs { get; init; } = 7;

    /// <summary>Of the file that <c>fetch</c> brings.</summary>
    public long SizeBytes { get; init; } = 2L << 30;

    /// <summary>Leaves out whom no bar needs.</summary>
    public bool BarsOnly { get; init; }

    /// <summary>Parts of <c>fetch</c>; none: all.</summary>
    public required IReadOnlyList<string> Parts { get; init; }

    public bool Json { get; init; }

    /// <summary>Null: a temporary one.</summary>
    public string? Folder { get; init; }

    /// <summary>Of <see cref="KvBench.Parts"/>; none: all.</summary>
    public required IReadOnlyList<string> KvParts { get; init; }

    public bool Quick { get; init; }

    /// <summary>Null: the arguments are not understood.</summary>
    public static BenchOptions? Parse(IReadOnlyList<string> arguments, string baseFolder)
    {
        var names = new List<string>();
        var parts = new List<string>();
        var kvParts = new List<string>();
        var options = new BenchOptions
        {
            Names = names,
            Parts = parts,
            KvParts = kvParts,
            // Beside the repository's own artifacts/bin/Stoker.Bench/release.
            LabFolder = Path.GetFullPath(Path.Combine(baseFolder, "../../../../tools/lab")),
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
                case "--bars-only":
                    options = options with { BarsOnly = true };
                    break;
                case "--pairs" when i + 1 < arguments.Count && int.TryParse(arguments[i + 1], CultureInfo.InvariantCulture, out var pairs) && pairs > 0:
                    options = options with { Pairs = pairs };
                    i++;
                    break;
                case "--size" when i + 1 < arguments.Count && int.TryParse(arguments[i + 1], CultureInfo.InvariantCulture, out var mebibytes) && mebibytes > 0:
                    options = options with { SizeBytes = (long)mebibytes << 20 };
                    i++;
                    break;
                case "--part" when i + 1 < arguments.Count && FetchParts.Contains(arguments[i + 1]):
                    parts.Add(arguments[++i]);
                    break;
                case "--program" when i + 1 < arguments.Count:
                    options = options with { Program = Path.GetFullPath(arguments[++i]) };
                    break;
                case "--folder" when i + 1 < arguments.Count:
                    options = options with { Folder = Path.GetFullPath(arguments[++i]) };
                    break;
                case Kv:
                    names.Add(Kv);
                    break;
                case var part when names.Contains(Kv) && KvBench.Parts.Contains(part):
                    kvParts.Add(part);
                    break;
                case var name when Known.Contains(name) || name == "fetch":
                    names.Add(name);
                    break;
                default:
                    return null;
            }
        }
        return names.Count == 0 ? options with { Names = Known } : options;
    }
}
