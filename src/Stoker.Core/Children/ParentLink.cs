using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using Stoker.Core.Errors;

namespace Stoker.Core.Children;

/// <summary>
/// The child's end: answers requests of the daemon. A thread of its own reads, so that the daemon's death is noticed at once,
/// whatever the child is computing: then <c>onParentGone</c> runs on it (and calls <c>_exit</c>).
/// </summary>
public sealed class ParentLink : IDisposable
{
    /// <summary>How long the daemon may take nothing of a request before that request is given up.</summary>
    public static readonly TimeSpan DefaultSlowReceiver = TimeSpan.FromSeconds(30);

    private readonly Socket _socket;
    private readonly Lock _sendLock = new();
    private readonly Lock _requestsLock = new();
    private readonly Dictionary<uint, ChildRequest> _requests = [];
    private readonly Action<ChildRequest> _onRequest;
    private readonly Action _onParentGone;

    private ParentLink(Socket socket, Action<ChildRequest> onRequest, Action onParentGone, TimeSpan slowReceiver)
    {
        _socket = socket;
        _onRequest = onRequest;
        _onParentGone = onParentGone;
        SlowReceiver = slowReceiver;
    }

    internal TimeSpan SlowReceiver { get; }

    /// <summary>Connects, says hello, and starts the reading thread.</summary>
    /// <param name="socketPath">Where the daemon listens for this child.</param>
    /// <param name="hello">Nonce (one line of standard input), version, fingerprint.</param>
    /// <param name="onRequest">Gets each request, on the reading thread: it must only hand it on.</param>
    /// <param name="onParentGone">The daemon closed the socket or died.</param>
    public static ParentLink Connect(string socketPath, ChildHello hello, Action<ChildRequest> onRequest, Action onParentGone, TimeSpan? slowReceiver = null)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            var link = new ParentLink(socket, onRequest, onParentGone, slowReceiver ?? DefaultSlowReceiver);
            link.Send(0, FrameKinds.Hello, JsonSerializer.SerializeToUtf8Bytes(hello, ChildJson.Default.ChildHello));
            var thread = new Thread(link.ReadLoop) { Name = "stoker-link", IsBackground = true };
            thread.Start();
            return link;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => _socket.Dispose();

    internal void Send(uint requestId, ushort kind, ReadOnlySpan<byte> payload)
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
            // The reading thread sees the same and ends this process: whoever computes for the daemon stops.
            throw new OperationCanceledException("The daemon is gone.", error);
        }
    }

    internal void Forget(uint requestId)
    {
        lock (_requestsLock) _requests.Remove(requestId);
    }

    private void ReadLoop()
    {
        var reader = new FrameReader();
        var buffer = new byte[64 * 1024];
        var frames = new List<Frame>();
        try
        {
            int count;
            while ((count = _socket.Receive(buffer)) > 0)
            {
                frames.Clear();
                if (!reader.TryRead(buffer.AsSpan(0, count), frames)) break;
                foreach (var frame in frames) Dispatch(frame);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // gone, as at end of file
        }
        _onParentGone();
    }

    private void Dispatch(Frame frame)
    {
        ChildRequest? request;
        lock (_requestsLock) _requests.TryGetValue(frame.RequestId, out request);
        switch (frame.Kind)
        {
            case FrameKinds.Grant:
                if (frame.Payload.Length == 4) request?.Window.Grant(BinaryPrimitives.ReadUInt32LittleEndian(frame.Payload.Span));
                break;
            case FrameKinds.Cancel:
                request?.Cancel();
                break;
            case >= FrameKinds.FirstOwn when request is null:
                request = new ChildRequest(this, frame);
                lock (_requestsLock) _requests[frame.RequestId] = request;
                _onRequest(request);
                break;
            default:
                break; // a kind of a later version: ignored
        }
    }
}

/// <summary>A request as the child sees it. Ends with exactly one of <see cref="End"/> and <see cref="Fail"/>. Thread-safe.</summary>
public sealed class ChildRequest : IDisposable
{
    private readonly ParentLink _link;
    private readonly Frame _frame;
    private readonly CancellationTokenSource _cancel = new();
    private int _ended;

    internal ChildRequest(ParentLink link, Frame frame)
    {
        _link = link;
        _frame = frame;
        Cancelled = _cancel.Token;
    }

    public ushort Kind => _frame.Kind;
    public ReadOnlyMemory<byte> Payload => _frame.Payload;

    /// <summary>Cancelled when nobody wants the answer any more.</summary>
    public CancellationToken Cancelled { get; }

    internal SendWindow Window { get; } = new();

    /// <summary>True: the next few <see cref="Send"/>s do not wait. For a sender that has others to serve meanwhile.</summary>
    public bool HasRoom => Window.HasRoom(8);

    /// <summary>Sends a part of the answer at once. Waits when the daemon is far behind.</summary>
    /// <exception cref="StokerException">Timeout: the daemon has taken nothing for 30 s.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public void Send(ushort kind, ReadOnlySpan<byte> payload)
    {
        if (!Window.TryTake(_link.SlowReceiver))
        {
            Cancelled.ThrowIfCancellationRequested();
            throw new StokerException(ErrorKind.Timeout, $"The answer was given up: its receiver took nothing for {_link.SlowReceiver.TotalSeconds:0} s.");
        }
        _link.Send(_frame.RequestId, kind, payload);
    }

    public void End() => Finish(FrameKinds.End, []);

    public void Fail(ErrorKind kind, string message) =>
        Finish(FrameKinds.Failed, JsonSerializer.SerializeToUtf8Bytes(new ChildFailure(kind, message), ChildJson.Default.ChildFailure));

    public void Dispose() => _cancel.Dispose();

    internal void Cancel()
    {
        Window.Close();
        try
        {
            _cancel.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // it ended at this moment
        }
    }

    private void Finish(ushort kind, ReadOnlySpan<byte> payload)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0) return;
        _link.Forget(_frame.RequestId);
        try
        {
            _link.Send(_frame.RequestId, kind, payload);
        }
        catch (OperationCanceledException)
        {
            // nobody left to tell
        }
    }
}
