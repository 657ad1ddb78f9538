using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Native.Libc;

namespace Stoker.Cli.Client;

/// <summary>What is needed to start a daemon.</summary>
public sealed record DaemonStart
{
    /// <summary>The program to start: our own.</summary>
    public required string ProgramPath { get; init; }

    public required StokerPaths Paths { get; init; }

    /// <summary>Flags of <c>serve</c> to pass on.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Environment of whoever asks; what belongs to the caller alone is left out of the daemon's.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }
}

/// <summary>A daemon that has just been started.</summary>
public sealed record StartedDaemon(int Pid, string LogPath);

/// <summary>
/// Starts the daemon in the background. One start at a time: whoever comes second waits for the first, and finds its daemon.
/// </summary>
public sealed class DaemonStarter(DaemonStart start, DaemonClient client, TimeProvider time)
{
    /// <summary>For its lock and the first lines of its log.</summary>
    private const long LeastFreeBytes = 64 << 10;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Returns when a daemon answers. Null: another command had started one meanwhile.</summary>
    /// <exception cref="StokerException">Unavailable: it ended, or did not answer in time; the message has the log's tail.</exception>
    public async Task<StartedDaemon?> StartAsync(CancellationToken cancellationToken)
    {
        start.Paths.CreateFolders();
        var begun = time.GetTimestamp();
        using var startLock = await TakeStartLockAsync(begun, cancellationToken);
        if (await client.TryVersionAsync(cancellationToken) is not null) return null;

        var logOffset = LogTail.Length(start.Paths.DaemonLog);
        var process = Spawn();
        try
        {
            var words = process.StandardError.ReadToEndAsync(cancellationToken);
            while (true)
            {
                if (await client.TryVersionAsync(cancellationToken) is { } version)
                    return version.Pid == process.Id ? new StartedDaemon(process.Id, start.Paths.DaemonLog) : null;
                if (process.HasExited)
                {
                    if (process.ExitCode != BackgroundExit.OwnedAlready) throw await EndedAsync(process.ExitCode, words, logOffset);
                    // It found the home owned. The owner is on its way up, so go on asking; or down, and then start once more.
                    if (!OwnerLock.IsHeld(start.Paths))
                    {
                        await words;
                        process.Dispose();
                        process = Spawn();
                        words = process.StandardError.ReadToEndAsync(cancellationToken);
                    }
                }
                if (time.GetElapsedTime(begun) > Patience) throw TooSlow(process, logOffset);
                await Task.Delay(Poll, time, cancellationToken);
            }
        }
        finally
        {
            process.Dispose();
        }
    }

    private async Task<FileLock> TakeStartLockAsync(long begun, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (FileLock.TryAcquire(start.Paths.StartLock) is { } taken) return taken;
            }
            catch (LibcException problem)
            {
                throw new StokerException(ErrorKind.Io, $"{start.Paths.StartLock} cannot be locked: {problem.Message}", problem);
            }
            if (time.GetElapsedTime(begun) > Patience)
                throw new StokerException(ErrorKind.Timeout, $"Another command has been starting the daemon for {Patience.TotalSeconds:0} s. Look at {start.Paths.DaemonLog}.");
            await Task.Delay(Poll, time, cancellationToken);
        }
    }

    private Process Spawn()
    {
        var request = new ProcessStartInfo(start.ProgramPath)
        {
            UseShellExecute = false,
            WorkingDirectory = start.Paths.Home,
            // Pipes until it has detached, so that it never holds our terminal; standard error tells what went wrong before that.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in new[] { "serve", BackgroundExit.Flag, SettingNames.Home.Flag, start.Paths.Home }) request.ArgumentList.Add(argument);
        foreach (var argument in start.Arguments) request.ArgumentList.Add(argument);
        request.Environment.Clear();
        foreach (var (name, value) in start.Environment)
        {
            if (!CallerEnvironment.Variables.Contains(name)) request.Environment[name] = value;
        }
        // The daemon has another working folder than we.
        if (start.Environment.GetValueOrDefault(SettingNames.LlamaDirectory.Variable) is { Length: > 0 } libraries)
            request.Environment[SettingNames.LlamaDirectory.Variable] = Path.GetFullPath(libraries);
        OwnProcess.KeepDescriptorsFromChildren();
        try
        {
            var process = Process.Start(request)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception problem)
        {
            throw new StokerException(ErrorKind.Unavailable, $"{start.ProgramPath} cannot be started: {problem.Message}", problem);
        }
    }

    private async Task<StokerException> EndedAsync(int exitCode, Task<string> words, long logOffset)
    {
        // Then not even its log could say why.
        if (Files.Space(start.Paths.Home).AvailableBytes < LeastFreeBytes)
            return new StokerException(ErrorKind.OutOfSpace, $"The daemon cannot start: the disk of {start.Paths.Home} is full. Free some space, or set STOKER_HOME to a folder on a larger one.");
        var text = new StringBuilder($"The daemon ended at once (code {exitCode}).");
        var said = (await words).Trim();
        if (said.Length > 0) text.Append('\n').Append(said);
        Append(text, logOffset);
        return new StokerException(ErrorKind.Unavailable, text.ToString());
    }

    private StokerException TooSlow(Process process, long logOffset)
    {
        var text = new StringBuilder($"The daemon (pid {process.Id}) does not answer on {start.Paths.Socket} after {Patience.TotalSeconds:0} s.");
        Append(text, logOffset);
        return new StokerException(ErrorKind.Timeout, text.ToString());
    }

    private void Append(StringBuilder text, long logOffset)
    {
        var tail = LogTail.Read(start.Paths.DaemonLog, logOffset);
        if (tail.Count == 0)
        {
            text.Append($"\nIts log {start.Paths.DaemonLog} says nothing.");
            return;
        }
        text.Append($"\nThe end of its log ({start.Paths.DaemonLog}):");
        foreach (var line in tail) text.Append("\n  ").Append(line);
    }
}

/// <summary>What a daemon in the background and whoever starts it agree on.</summary>
public static class BackgroundExit
{
    /// <summary>Hidden flag of <c>serve</c>: detach before anything else.</summary>
    public const string Flag = "--background";

    /// <summary>Exit code: the home has an owner already.</summary>
    public const int OwnedAlready = 75;
}
