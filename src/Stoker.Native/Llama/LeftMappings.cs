using Stoker.Native.Libc;

namespace Stoker.Native.Llama;

/// <summary>
/// What a conversation that left its slot had mapped there. To unmap a gigabyte takes the kernel tens of milliseconds, as it visits
/// every page; to move its page tables aside takes one. So they are moved, and another thread unmaps them, in pieces: while one is
/// unmapped nobody else maps anything. Moving and noting are for the thread that decodes.
/// </summary>
internal sealed unsafe class LeftMappings
{
    // Page tables are moved by such blocks where both places lie alike in them, else page by page.
    private const long Block = 2 << 20;

    private const long PieceBytes = 32 << 20;

    private readonly SortedSet<long> _edges = [];
    private readonly Queue<(nint Address, long Length)> _left = [];
    private bool _isUnmapping;

    /// <summary>Something is mapped, or advised, from here on for so many bytes: the kernel moves nothing across such edges.</summary>
    internal void Note(nint address, long length)
    {
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
    internal void Forget(nint address, long length) => _edges.RemoveWhere(edge => edge > address && edge < address + length);

    /// <summary>Waits, seconds at most, until all is unmapped. Thread-safe.</summary>
    internal void Drain()
    {
        lock (_left)
        {
            for (var seconds = 0; _isUnmapping && seconds < 5; seconds++) Monitor.Wait(_left, TimeSpan.FromSeconds(1));
        }
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
            for (var at = 0L; at < length; at += PieceBytes) _ = LibcNative.munmap(address + (nint)at, (nuint)Math.Min(PieceBytes, length - at));
        }
    }
}
