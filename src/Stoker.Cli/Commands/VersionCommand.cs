using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using Stoker.Cli.Output;
using Stoker.Core.Settings;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker version</c>. Answered by <see cref="Print"/> before the command line is parsed; here only for its help.</summary>
public static class VersionCommand
{
    public static Command Create(CliContext context)
    {
        var command = new Command("version", "Print the versions of program, libraries and runtime.");
        command.SetAction(_ =>
        {
            context.Console.Out.Write(Text());
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>Straight to the descriptor: no console, no encodings, nothing that takes time to load.</summary>
    public static int Print()
    {
        using var output = Console.OpenStandardOutput();
        output.Write(Encoding.UTF8.GetBytes(Text()));
        return 0;
    }

    // The two constants are compiled in: no other assembly is loaded for them.
    private static string Text() =>
        $"stoker {ProgramVersion.Current}\nllama.cpp {LlamaLibrary.PinnedVersion}, runner protocol {RunnerProtocol.Version}\n{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}\n";
}
