using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Core.Children;

/// <summary>
/// From a program's path to a child that proved to be the one we started: it connects to a socket in a folder only we can enter,
/// and knows a nonce that only it was given.
/// </summary>
internal static class ChildStarter
{
    /// <summary>sockaddr_un has room for 108 bytes with the final NUL (unix(7)).</summary>
    private const int MaxSocketPathBytes = 107;

    internal static async Task<ChildLink> StartAsync(ChildStart start, TimeProvider time, CancellationToken cancellationToken)
    {
        var folder = MakeFolder(start.RunFolder);
        Process? process = null;
        Socket? connected = null;
        var log = new LogTail();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            var socketPath = Path.Combine(folder, "s");
            Listen(listener, socketPath);
            process = Launch(start, socketPath);
            var output = Task.WhenAll(
                log.ReadAsync(process.StandardError.BaseStream, start.Log, CancellationToken.None),
                log.ReadAsync(process.StandardOutput.BaseStream, start.Log, CancellationToken.None));
            var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

            using var limit = new CancellationTokenSource(start.HelloTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            try
            {
                await SayNonceAsync(process, nonce, either.Token);
                connected = await AcceptAsync(listener, process, start, log, output, either.Token);
                var reader = new FrameReader();
                var frames = new List<Frame>();
                var hello = await ReadHelloAsync(connected, reader, frames, either.Token);
                if (FindWrong(hello, nonce, start, connected) is { } wrong) throw Failed(start, log, wrong);
                var link = new ChildLink(start, process, connected, log, output, hello!, reader, frames);
                process = null;
                connected = null;
                return link;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw Failed(start, log, $"said nothing within {start.HelloTimeout.TotalSeconds:0} s");
            }
        }
        finally
        {
            connected?.Dispose();
            if (process is not null) End(process);
            // The connection stays; its name is not needed any more.
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string MakeFolder(string runFolder)
    {
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
        var folder = Path.Combine(runFolder, name);
        try
        {
            if (Encoding.UTF8.GetByteCount(Path.Combine(folder, "s")) > MaxSocketPathBytes)
                folder = Path.Combine(Path.GetTempPath(), $"stoker-{name}");
            else
                Directory.CreateDirectory(runFolder);
            Files.CreatePrivateDirectory(folder);
            return folder;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"No folder for a child's socket can be made in {runFolder}: {error.Message}", error);
        }
    }

    private static void Listen(Socket listener, string socketPath)
    {
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(socketPath));
            listener.Listen(1);
        }
        catch (SocketException error)
        {
            throw new StokerException(ErrorKind.Io, $"A child's socket cannot be made at {socketPath}: {error.Message}", error);
        }
    }

    private static Process Launch(ChildStart start, string socketPath)
    {
        var info = new ProcessStartInfo(start.Program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (var argument in start.Arguments) info.ArgumentList.Add(argument);
        info.ArgumentList.Add("--socket");
        info.ArgumentList.Add(socketPath);
        foreach (var (name, value) in start.Environment)
        {
            if (value is null) info.Environment.Remove(name);
            else info.Environment[name] = value;
        }
        try
        {
            return Process.Start(info) ?? throw new InvalidOperationException("no process");
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
        {
            throw new StokerException(ErrorKind.Unavailable, $"The {start.Role} does not start ({start.Program}): {error.Message}", error);
        }
    }

    private static async Task SayNonceAsync(Process process, string nonce, CancellationToken cancellationToken)
    {
        try
        {
            await process.StandardInput.WriteAsync($"{nonce}\n".AsMemory(), cancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it read; the wait for its connection says so.
        }
    }

    private static async Task<Socket> AcceptAsync(Socket listener, Process process, ChildStart start, LogTail log, Task output, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var accept = listener.AcceptAsync(ended.Token).AsTask();
        var exit = process.WaitForExitAsync(ended.Token);
        var first = await Task.WhenAny(accept, exit);
        await ended.CancelAsync();
        if (first == accept || accept.IsCompletedSuccessfully) return await accept;
        cancellationToken.ThrowIfCancellationRequested();
        await Task.WhenAny(output, Task.Delay(TimeSpan.FromSeconds(10), CancellationToken.None)); // its last words, which come at once unless something else holds its pipes
        throw Failed(start, log, $"ended with code {process.ExitCode} before it was ready");
    }

    private static async Task<ChildHello?> ReadHelloAsync(Socket socket, FrameReader reader, List<Frame> frames, CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        while (frames.Count == 0)
        {
            var count = await socket.ReceiveAsync(buffer, cancellationToken);
            if (count == 0 || !reader.TryRead(buffer.AsSpan(0, count), frames)) return null;
        }
        var first = frames[0];
        frames.RemoveAt(0);
        return first.Kind == FrameKinds.Hello ? ChildHello.TryRead(first.Payload.Span) : null;
    }

    private static string? FindWrong(ChildHello? hello, string nonce, ChildStart start, Socket socket)
    {
        if (hello is null) return "did not say hello";
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(hello.Nonce), Encoding.UTF8.GetBytes(nonce)))
            return "is not the process that was started";
        if (PeerCredentials.Of(socket).UserId != OwnProcess.EffectiveUserId) return "runs as another user";
        if (hello.Protocol != start.Protocol)
            return $"is another version (messages {hello.Protocol}, expected {start.Protocol}): the program was replaced; restart the daemon";
        return null;
    }

    private static StokerException Failed(ChildStart start, LogTail log, string what) =>
        new(ErrorKind.Unavailable, $"The {start.Role} {what}.{ChildLink.LastLines(log)}");

    private static void End(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // it has ended already
        }
        process.Dispose();
    }
}
