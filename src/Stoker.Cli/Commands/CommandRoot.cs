using Stoker.Cli.Output;
using Stoker.Core.Errors;

namespace Stoker.Cli.Commands;

/// <summary>The outermost frame of a command: signals in, exit code out, one clear line for every error.</summary>
public static class CommandRoot
{
    public static async Task<int> RunAsync(CliContext context, Func<Interrupts, Task<int>> command)
    {
        using var interrupts = new Interrupts();
        try
        {
            return await command(interrupts);
        }
        catch (StokerException problem)
        {
            return Tell(context.Console, problem);
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // Files are named in their errors; the stream that answers go to is not.
            context.Console.Note($"stoker: {(problem.Message.Contains('/', StringComparison.Ordinal) ? "" : "standard output: ")}{problem.Message}");
            return ExitCodes.Of(ErrorKind.Io);
        }
        catch (Exception defect)
        {
            // A root: told as what it is, with what mends it.
            context.Console.Note($"stoker: a defect of Stoker; please report this.\n{defect}");
            return ExitCodes.Of(ErrorKind.Internal);
        }
    }

    /// <summary>The error on standard error, and its exit code.</summary>
    public static int Tell(CliConsole console, StokerException problem)
    {
        var prefix = console.ErrorIsTerminal && console.Ansi ? "\e[31mstoker:\e[0m " : "stoker: ";
        console.Note(prefix + problem.Message + (problem.RetryAfter is { } wait ? $" Try again in {Units.Duration(wait)}." : ""));
        return ExitCodes.Of(problem.Kind);
    }
}
