using System.Diagnostics;
using System.Net.Sockets;
using Stoker.Core.Errors;

namespace Stoker.Core.Children;

/// <summary>
/// The daemon's end: a running child process and the requests under way in it. The child ends when this is disposed, and by
/// itself when this process ends (it sees end-of-file). Thread-safe.
/// </summary>
public sealed class ChildLink : IAsyncDisposable
{
    private readonly ChildStart _start;
    private readonly Process _process;
    private readonly Socket _socket;
    private readonly Task _output;
    private readonly Lock _sendLock = new();
    private readonly Lock _callsLock = new();
    private readonly Dictionary<uint, ChildCall> _calls = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _readLoop;
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _lastRequestId;
    private StokerException? _goneError;
    private bool _disposing;

    internal ChildLink(ChildStart start, Process process, Socket socket, LogTail log, Task output, ChildHello hello, FrameReader reader, List<Frame> early)
    {
        _start = start;
        _process = process;
        _socket = socket;
        _output = output;
        Log = log;
        Hello = hello;
        // Longer than a child is ever busy without reading: its reading thread does nothing else.
        _socket.SendTimeout = 10_000;
        _readLoop = ReadLoopAsync(reader, early);
    }

    public ChildHello Hello { get; }
    public int ProcessId => Hello.ProcessId;

    /// <summary>The last lines the child wrote.</summary>
    public LogTail Log { get; }

    /// <summary>Completes when the child is gone, for whatever reason. Never faults.</summary>
    public Task Gone => _gone.Task;

    /// <summary>How the child ended, with its last lines; null while it lives.</summary>
    public string? EndReason
    {
        get
        {
            lock (_callsLock) return _goneError?.Message;
        }
    }

    /// <summary>Starts a child and waits for its hello.</summary>
    /// <exception cref="StokerException">Unavailable: it does not start, ends early, or is not the program we started; with its last lines.</exception>
    public static Task<ChildLink> StartAsync(ChildStart start, TimeProvider time, CancellationToken cancellationToken) =>
        ChildStarter.StartAsync(start, time, cancellationToken);

    /// <summary>Sends a request; its answer comes through the call.</summary>
    /// <exception cref="StokerException">Unavailable: the child is gone.</exception>
    public ChildCall Call(ushort kind, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > FrameCodec.MaxMessageBytes)
            throw new StokerException(ErrorKind.TooLarge, $"The request has {payload.Length} bytes; at most {FrameCodec.MaxMessageBytes} can be sent to a {_start.Role}.");
        ChildCall call;
        uint id;
        lock (_callsLock)
        {
            if (_goneError is not null) throw Gone_();
            id = ++_lastRequestId;
            call = new ChildCall(this, id);
            _calls[id] = call;
        }
        TrySend(id, kind, payload);
        return call;
    }

    /// <summary>Ends the child without asking.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // it has ended already
        }
    }

    /// <summary>Closes the socket, which ends the child; kills it when it is still there after two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_callsLock)
        {
            if (_disposing) return;
            _disposing = true;
        }
        await _stop.CancelAsync();
        _socket.Dispose();
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2)))
        {
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Kill();
                await _process.WaitForExitAsync(CancellationToken.None);
            }
        }
        await _readLoop;
        await Task.WhenAny(_output, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None));
        _process.Dispose();
        _stop.Dispose();
    }

    internal void TrySend(uint requestId, ushort kind, ReadOnlySpan<byte> payload)
    {
        var bytes = FrameCodec.Encode(requestId, kind, payload);
        try
        {
            lock (_sendLock)
            {
                for (var sent = 0; sent < bytes.Length;) sent += _socket.Send(bytes.AsSpan(sent));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The reading loop sees the same end and completes every call. A child that does not read is no use: end it.
            Kill();
        }
    }

    private async Task ReadLoopAsync(FrameReader reader, List<Frame> frames)
    {
        var broken = false;
        try
        {
            var buffer = new byte[64 * 1024];
            while (!broken)
            {
                foreach (var frame in frames) broken |= !TryDispatch(frame);
                frames.Clear();
                if (broken) break;
                var count = await _socket.ReceiveAsync(buffer, _stop.Token);
                if (count == 0) break;
                broken = !reader.TryRead(buffer.AsSpan(0, count), frames);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // gone
        }
        if (broken) Kill();
        await EndAsync(broken);
    }

    private bool TryDispatch(Frame frame)
    {
        ChildCall? call;
        lock (_callsLock)
        {
            if (!_calls.TryGetValue(frame.RequestId, out call)) return true; // of a call that is over
            if (frame.Kind is FrameKinds.End or FrameKinds.Failed) _calls.Remove(frame.RequestId);
        }
        switch (frame.Kind)
        {
            case FrameKinds.End:
                call.Complete(null);
                return true;
            case FrameKinds.Failed:
                var failure = ChildFailure.Read(frame.Payload.Span);
                call.Complete(new StokerException(failure.Kind, failure.Message));
                return true;
            default:
                return call.TryDeliver(frame);
        }
    }

    private async Task EndAsync(bool broken)
    {
        // The end of the socket comes before the end of the process: wait for it (and its last words), but not for ever. On a busy machine
        // that takes its time, and who is killed for it cannot say how it ended.
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
        {
            try
            {
                await _process.WaitForExitAsync(limit.Token);
                await _output.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Kill(); // it closed its socket and lives on
            }
        }
        List<ChildCall> left;
        lock (_callsLock)
        {
            var why = _disposing ? "was stopped" : broken ? "broke the protocol" : HowItEnded();
            _goneError = new StokerException(ErrorKind.Unavailable, $"The {_start.Role} (process {ProcessId}) {why}.{LastLines(Log)}");
            left = [.. _calls.Values];
            _calls.Clear();
        }
        _gone.TrySetResult(); // first, so that whoever sees a call fail can see why
        foreach (var call in left) call.Complete(Gone_());
    }

    private string HowItEnded()
    {
        try
        {
            if (!_process.HasExited) return "closed its connection";
            // .NET reports death by signal as 128 + its number.
            return _process.ExitCode > 128 ? $"was ended by signal {_process.ExitCode - 128}{MeaningOf(_process.ExitCode - 128)}" : $"ended with code {_process.ExitCode}";
        }
        catch (InvalidOperationException)
        {
            return "ended";
        }
    }

    private static string MeaningOf(int signal) => signal switch
    {
        6 => " (it gave up: see its lines)",
        7 => " (its model's file was cut short, or the disk failed)",
        9 => " (killed: by hand, or because memory ran out)",
        11 => " (a defect in it, or a damaged model)",
        _ => "",
    };

    private StokerException Gone_() => new(_goneError!.Kind, _goneError.Message);

    internal static string LastLines(LogTail log)
    {
        var lines = log.Lines.TakeLast(5).Select(static line => Printable.Short(line, 200)).ToArray();
        return lines.Length == 0 ? "" : $" Its last lines: {string.Join(" | ", lines)}";
    }
}
