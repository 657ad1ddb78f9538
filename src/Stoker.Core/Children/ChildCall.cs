using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.Core.Errors;

namespace Stoker.Core.Children;

/// <summary>
/// A request as the daemon sees it: read its answer, or dispose it to cancel. One reader.
/// </summary>
public sealed class ChildCall : IAsyncDisposable
{
    private readonly ChildLink _link;
    private readonly uint _requestId;

    // The child keeps to its window, so this never fills; End and Failed are outside the window.
    private readonly Channel<Frame> _frames = Channel.CreateBounded<Frame>(new BoundedChannelOptions(SendWindow.Frames + 2) { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposed;

    internal ChildCall(ChildLink link, uint requestId)
    {
        _link = link;
        _requestId = requestId;
    }

    /// <summary>Completes when the child has ended the request (also after a cancel), or is gone. Never faults.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The answer's parts in order, as they arrive.</summary>
    /// <exception cref="StokerException">What the child failed with; Unavailable when it is gone.</exception>
    public async IAsyncEnumerable<Frame> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var taken = 0u;
        while (await _frames.Reader.WaitToReadAsync(cancellationToken))
        {
            while (_frames.Reader.TryRead(out var frame))
            {
                if (++taken == SendWindow.GrantStep)
                {
                    var grant = new byte[4];
                    BinaryPrimitives.WriteUInt32LittleEndian(grant, taken);
                    _link.TrySend(_requestId, FrameKinds.Grant, grant);
                    taken = 0;
                }
                yield return frame;
            }
        }
    }

    /// <summary>Cancels the request if it is not over. Does not wait for the child (see <see cref="Ended"/>).</summary>
    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && !_ended.Task.IsCompleted) _link.TrySend(_requestId, FrameKinds.Cancel, []);
        return ValueTask.CompletedTask;
    }

    /// <summary>False: the child sent more than its window; it is broken.</summary>
    internal bool TryDeliver(Frame frame) => Volatile.Read(ref _disposed) != 0 || _frames.Writer.TryWrite(frame);

    internal void Complete(StokerException? error)
    {
        _frames.Writer.TryComplete(error);
        _ended.TrySetResult();
    }
}
