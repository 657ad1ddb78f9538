using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using Stoker.Cli.Output;
using Stoker.Core.Settings;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker version</c>. Answered by <see cref="Print"/> before the command line is parsed; here only for its help.</summary>
public static class VersionCommand
{
    public static Command Create(CliContext context)
    {
        var command = new Command("version", "Print the version of program and runtime.");
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

    private static string Text() => $"stoker {ProgramVersion.Current}\n{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}\n";
}
