using Stoker.Native.Libc;

namespace Stoker.Native.Llama;

/// <summary>
/// What a conversation that left its slot had mapped there. To unmap a gigabyte takes the kernel tens of milliseconds, as it visits
/// every page; to move its page tables aside takes one. So they are moved, and another thread unmaps them: in small pieces, and not
/// while mappings change, for as long as one is unmapped nobody else maps anything. Moving and noting are for the thread that decodes.
/// </summary>
internal sealed unsafe class LeftMappings
{
    // Page tables are moved by such blocks where both places lie alike in them, else page by page.
    private const long Block = 2 << 20;

    private const long PieceBytes = 2 << 20;

    // Whoever changes a slot's mappings changes hundreds, microseconds apart.
    private const int QuietMs = 10;

    // It must come to an end where slots change all the time.
    private const int MostWaitMs = 500;

    private readonly SortedSet<long> _edges = [];
    private readonly Queue<(nint Address, long Length)> _left = [];
    private long _changedAt;
    private int _hurried;
    private bool _isUnmapping;

    /// <summary>Something is mapped, or advised, from here on for so many bytes: the kernel moves nothing across such edges.</summary>
    internal void Note(nint address, long length)
    {
        Volatile.Write(ref _changedAt, Environment.TickCount64);
        _edges.Add(address);
        _edges.Add(address + length);
    }

    /// <summary>
    /// Takes the pages away; the mappings stay, without pages, until something is mapped in their place. Where the kernel cannot
    /// (before 5.13), nothing happens: mapping over them unmaps them too, only slower.
    /// </summary>
    internal void MoveAside(nint address, long length)
    {
        if (length < Block) return; // as quickly unmapped
        Volatile.Write(ref _changedAt, Environment.TickCount64);
        const int none = 0, anonymousAnywhere = 0x4022, mayMoveFixedKeep = 1 | 2 | 4; // MREMAP_MAYMOVE, FIXED, DONTUNMAP
        var reserved = length + Block;
        var place = LibcNative.mmap(0, (nuint)reserved, none, anonymousAnywhere, -1, 0);
        if (place == -1) return;
        var shift = place + (nint)((address - place) & (Block - 1)) - address;
        var from = (long)address;
        foreach (var edge in _edges.GetViewBetween(address + 1, address + length).Append(address + length))
        {
            if (edge > from && LibcNative.mremap((nint)from, (nuint)(edge - from), (nuint)(edge - from), mayMoveFixedKeep, (nint)from + shift) == -1) break;
            from = edge;
        }
        Enqueue(place, reserved);
    }

    /// <summary>One mapping lies there now.</summary>
    internal void Forget(nint address, long length) => _edges.GetViewBetween(address + 1, address + length - 1).Clear();

    /// <summary>Waits, seconds at most, until all is unmapped. Thread-safe.</summary>
    internal void Drain()
    {
        Interlocked.Increment(ref _hurried);
        lock (_left)
        {
            for (var seconds = 0; _isUnmapping && seconds < 5; seconds++) Monitor.Wait(_left, TimeSpan.FromSeconds(1));
        }
        Interlocked.Decrement(ref _hurried);
    }

    private void Enqueue(nint place, long length)
    {
        lock (_left)
        {
            _left.Enqueue((place, length));
            if (_isUnmapping) return;
            _isUnmapping = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static left => left.UnmapAll(), this, preferLocal: false);
    }

    private void UnmapAll()
    {
        while (true)
        {
            nint address;
            long length;
            lock (_left)
            {
                _isUnmapping = _left.TryDequeue(out var next);
                if (!_isUnmapping)
                {
                    Monitor.PulseAll(_left);
                    return;
                }
                (address, length) = next;
            }
            var began = Environment.TickCount64;
            for (var at = 0L; at < length; at += PieceBytes)
            {
                while (IsChanging(began)) Pause();
                _ = LibcNative.munmap(address + (nint)at, (nuint)Math.Min(PieceBytes, length - at));
            }
        }
    }

    private void Pause()
    {
        lock (_left) Monitor.Wait(_left, TimeSpan.FromMilliseconds(1));
    }

    private bool IsChanging(long since)
    {
        var now = Environment.TickCount64;
        return now - Volatile.Read(ref _changedAt) < QuietMs && now - since < MostWaitMs && Volatile.Read(ref _hurried) == 0;
    }
}
