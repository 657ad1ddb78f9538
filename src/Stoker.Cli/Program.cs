using System.Runtime.CompilerServices;
using Stoker.Cli.Client;
using Stoker.Cli.Commands;
using Stoker.Cli.Output;
using Stoker.Core.Errors;

namespace Stoker.Cli;

/// <summary>
/// The entrance. What must be fast or must come first is dispatched here by hand, each in a method of its own, so that nothing is
/// loaded that it does not use: the version, a runner (no web server in it), and a daemon's detaching.
/// </summary>
public static class Program
{
    public static int Main(string[] args)
    {
        switch (args)
        {
            case ["runner", ..]: return RunRunner(args);
            case ["serve", BackgroundExit.Flag, "--home", var home, ..] when !Detach(home): return 1;
        }
        try
        {
            return args is ["version"] or ["--version"] ? VersionCommand.Print() : RunCommandLine(args);
        }
        catch (Exception unwritten) when (unwritten is IOException or UnauthorizedAccessException)
        {
            return TellUnwritten(unwritten); // commands tell their own (CommandRoot); this is the help, or a version, onto a full disk
        }
    }

    /// <summary>Before anything else is loaded or written: see <see cref="DetachedStart"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Detach(string home)
    {
        try
        {
            DetachedStart.Run(home, CliContext.EnvironmentOfProcess());
            return true;
        }
        catch (StokerException problem)
        {
            Console.Error.WriteLine(problem.Message);
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int TellUnwritten(Exception problem)
    {
        CliConsole.OfProcess(CliContext.EnvironmentOfProcess()).Note($"stoker: standard output: {problem.Message}");
        return ExitCodes.Of(ErrorKind.Io);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int RunRunner(string[] args) => Engine.RunnerMain.Run(args[1..], Console.In);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int RunCommandLine(string[] args) => CommandLine.RunAsync(CliContext.OfProcess(), args).GetAwaiter().GetResult();
}
