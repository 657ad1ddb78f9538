using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Native.Libc;

namespace Stoker.Cli.Client;

/// <summary>
/// The first thing a daemon in the background does, before it loads anything else: a session of its own (Ctrl-C at the terminal is
/// not for it), and <c>/dev/null</c> and the log as standard streams (so that <c>stoker ls | cat</c> ends).
/// </summary>
public static class DetachedStart
{
    private const long RotateAtBytes = 8L << 20;

    /// <summary>Detaches this process. Its standard streams must not have been used yet.</summary>
    /// <exception cref="StokerException">Io: the log cannot be opened.</exception>
    public static void Run(string home, IReadOnlyDictionary<string, string> environment)
    {
        var paths = StokerPaths.Create(home, environment);
        paths.CreateFolders();
        try
        {
            if (LogTail.Length(paths.DaemonLog) > RotateAtBytes) File.Move(paths.DaemonLog, paths.DaemonLog + ".1", overwrite: true);
            OwnProcess.Detach(paths.DaemonLog, paths.DaemonLog);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"The log {paths.DaemonLog} cannot be opened: {problem.Message}", problem);
        }
    }
}
