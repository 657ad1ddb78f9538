namespace Stoker.Core.Children;

/// <summary>
/// How many frames of one request may be under way. The receiver grants more as it takes them, so its queue is bounded without
/// its reader ever waiting: a slow receiver holds up nobody but its own sender, and that for so long only.
/// </summary>
internal sealed class SendWindow
{
    /// <summary>Frames that may be under way for a request: seconds of text, kilobytes of memory.</summary>
    internal const int Frames = 256;

    /// <summary>The receiver grants in steps of so many, so that grants are rare.</summary>
    internal const int GrantStep = 64;

    private readonly object _gate = new();
    private int _left = Frames;
    private bool _closed;

    /// <summary>So many frames can be taken without a wait, or it is closed, so that nobody waits at all.</summary>
    internal bool HasRoom(int frames)
    {
        lock (_gate) return _closed || _left >= frames;
    }

    /// <summary>Waits for room. False: none within the timeout, or closed.</summary>
    internal bool TryTake(TimeSpan timeout)
    {
        lock (_gate)
        {
            while (_left == 0 && !_closed)
            {
                if (!Monitor.Wait(_gate, timeout)) return false;
            }
            if (_closed) return false;
            _left--;
            return true;
        }
    }

    internal void Grant(uint frames)
    {
        lock (_gate)
        {
            _left = (int)Math.Min(Frames, _left + (long)frames);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Whoever waits, or will, gets false: the request is cancelled.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }
}
