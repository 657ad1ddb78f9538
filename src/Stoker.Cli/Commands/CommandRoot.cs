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

    /// <summary>Does it with each of these, also after one with which it could not be done; the exit code is that of the first such.</summary>
    public static async Task<int> EachAsync(CliContext context, IEnumerable<string> names, Func<string, Task> act)
    {
        var code = ExitCodes.Ok;
        foreach (var name in names)
        {
            try
            {
                await act(name);
            }
            catch (StokerException problem) when (problem.Kind != ErrorKind.Unavailable) // who is not there is not there for the others either
            {
                var told = Tell(context.Console, problem);
                if (code == ExitCodes.Ok) code = told;
            }
        }
        return code;
    }

    /// <summary>The error on standard error, and its exit code.</summary>
    public static int Tell(CliConsole console, StokerException problem)
    {
        var prefix = console.ErrorIsTerminal && console.Ansi ? "\e[31mstoker:\e[0m " : "stoker: ";
        console.Note(prefix + problem.Message + (problem.RetryAfter is { } wait ? $" Try again in {Units.Duration(wait)}." : ""));
        return ExitCodes.Of(problem.Kind);
    }
}
