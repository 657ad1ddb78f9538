using System.Globalization;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary><c>random SHAPE OUT [flags]</c>.</summary>
internal static class RandomCommand
{
    public static string Usage =>
        "usage: random SHAPE OUT.gguf [--type q4_0|q8_0|f16|f32] [--split N] [--seed S] [--norm-scale X] [--context TOKENS]\n"
        + $"shapes: {string.Join(", ", ModelShape.Names)}";

    public static int Run(IReadOnlyList<string> arguments, TextWriter output)
    {
        if (arguments.Count < 2 || arguments.Count % 2 != 0) throw new StokerException(ErrorKind.InvalidInput, Usage);
        var options = new RandomModelOptions { Shape = arguments[0] };
        for (var i = 2; i < arguments.Count; i += 2) options = With(options, arguments[i], arguments[i + 1]);
        foreach (var path in RandomModel.Write(arguments[1], options))
        {
            output.WriteLine($"{path} {new FileInfo(path).Length}");
        }
        return 0;
    }

    private static RandomModelOptions With(RandomModelOptions options, string flag, string value) => flag switch
    {
        "--type" when Enum.TryParse<GgmlType>(value, ignoreCase: true, out var type) => options with { Type = type },
        "--split" when int.TryParse(value, CultureInfo.InvariantCulture, out var parts) => options with { Parts = parts },
        "--seed" when int.TryParse(value, CultureInfo.InvariantCulture, out var seed) => options with { Seed = seed },
        "--norm-scale" when float.TryParse(value, CultureInfo.InvariantCulture, out var scale) => options with { NormScale = scale },
        "--context" when int.TryParse(value, CultureInfo.InvariantCulture, out var tokens) && tokens > 0 => options with { ContextTokens = tokens },
        _ => throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(flag)} {Printable.Short(value)}' is not understood.\n{Usage}"),
    };
}
