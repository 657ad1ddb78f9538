using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Native.Libc;

namespace Stoker.Cli.Client;

/// <summary>
/// Ends the daemon: asks it over its socket; one that does not answer gets SIGTERM, as the owner that its lock names. Returns when
/// the home has no owner any more.
/// </summary>
public sealed class DaemonStop(DaemonClient client, StokerPaths paths, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The pid that ended, or null when none ran.</summary>
    /// <exception cref="StokerException">Timeout: it does not end. Forbidden: it is another user's.</exception>
    public async Task<int?> StopAsync(CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        if (await AskAsync(cancellationToken) is not { } pid) return null;
        while (!IsFree())
        {
            if (time.GetElapsedTime(begun) > Patience)
                throw new StokerException(ErrorKind.Timeout, $"The daemon (pid {pid}) has not ended after {Patience.TotalSeconds:0} s. Look at {paths.DaemonLog}; kill -9 {pid} is safe: nothing verified is lost.");
            await Task.Delay(Poll, time, cancellationToken);
        }
        return pid;
    }

    private async Task<int?> AskAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(AnswerPatience);
        try
        {
            if (await client.TryVersionAsync(patience.Token) is not null) return (await client.ShutdownAsync(patience.Token)).Pid;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It holds the socket and says nothing: a signal then.
        }
        catch (StokerException problem) when (problem.Kind is ErrorKind.Unavailable)
        {
            // It went while we asked.
        }
        return IsFree() ? null : Signal();
    }

    private int Signal()
    {
        if (OwnerLock.Read(paths) is not { } owner || !owner.IsOfThisSystem())
            throw new StokerException(ErrorKind.Conflict, $"{paths.Home} is in use by a daemon that does not run on this system, or in another container: stop it there.");
        try
        {
            OwnProcess.Signal(owner.Pid, UnixSignal.Terminate);
            return owner.Pid;
        }
        catch (LibcException problem)
        {
            throw new StokerException(ErrorKind.Forbidden, $"The daemon (pid {owner.Pid}) cannot be stopped: {problem.Message}", problem);
        }
    }

    private bool IsFree() => !OwnerLock.IsHeld(paths);
}
