using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary><c>gguf FOLDER OUT.gguf [--type f32|f16|q8_0] [--name NAME]</c>.</summary>
internal static class GgufCommand
{
    public const string Usage = "usage: gguf FOLDER OUT.gguf [--type f32|f16|q8_0] [--name NAME]";

    public static int Run(IReadOnlyList<string> arguments, TextWriter output)
    {
        if (arguments.Count < 2 || arguments.Count % 2 != 0) throw new StokerException(ErrorKind.InvalidInput, Usage);
        var type = GgmlType.Q8_0;
        var name = "Stoker tiny";
        for (var i = 2; i < arguments.Count; i += 2)
        {
            switch (arguments[i])
            {
                case "--type" when Enum.TryParse(arguments[i + 1], ignoreCase: true, out type):
                    break;
                case "--name":
                    name = arguments[i + 1];
                    break;
                default:
                    throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(arguments[i])} {Printable.Short(arguments[i + 1])}' is not understood.\n{Usage}");
            }
        }
        HuggingFaceToGguf.Prepare(new HuggingFaceFolder(arguments[0]), type, name).WriteFile(arguments[1]);
        output.WriteLine($"{arguments[1]} {new FileInfo(arguments[1]).Length}");
        return 0;
    }
}
