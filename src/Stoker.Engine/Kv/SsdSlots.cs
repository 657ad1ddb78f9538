using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>Cells in files: a conversation enters a slot by having its files mapped under it, and leaves by having them unmapped.</summary>
internal sealed class SsdSlots : KvSlots
{
    // Cells reserved on disk at once: often enough to be cheap, few enough to waste nothing on a short conversation.
    private const int ReserveStep = 64;

    // Cells after which pages that have been written in the meantime may be read ahead again, should the kernel have taken them.
    private const int ReadAheadStep = 4096;

    // What the kernel reads around a missing page, at most: of conversations with less it would read more beyond their end than they have.
    private const long ReadAroundBytes = 8L << 20;

    private readonly LlamaContext _context;
    private readonly SlotMemory _memory;
    private readonly KvShape _shape;
    private readonly int? _windowTokens;
    private readonly KvChain?[] _chains;
    private readonly int[] _reserved;
    private readonly int[] _readAhead;

    // The slot is empty, and the library still lists the cells of the conversation that left. Such lists differ in their length
    // only, and making one is most of what entering a slot takes: the next conversation cuts it to its own.
    private readonly bool[] _hasLeftList;

    internal SsdSlots(LlamaContext context, SlotMemory memory, KvShape shape, int slots, int? windowTokens)
    {
        _context = context;
        _memory = memory;
        _shape = shape;
        _windowTokens = windowTokens;
        _chains = new KvChain?[slots];
        _reserved = new int[slots];
        _readAhead = new int[slots];
        _hasLeftList = new bool[slots];
    }

    internal override KvLayout? Layout => _shape.Layout;

    private bool HasInPlaceState => _context.Model.IsHybrid;

    internal override void Attach(int slot, KvChain? chain, int cells, ReadOnlyMemory<byte> state)
    {
        if (chain is null)
        {
            Clear(slot);
            if (cells > 0) throw new ArgumentNullException(nameof(chain), "A conversation that has begun has files.");
            return;
        }
        try
        {
            if (cells > 0 && HasInPlaceState == state.IsEmpty) throw new StokerException(ErrorKind.Corrupt, "The conversation's state is of another kind of model.");
            var isListed = _hasLeftList[slot] && _context.LastPosition(slot) + 1 >= cells && _context.TryTruncate(slot, cells);
            if (!isListed) _ = _context.TryTruncate(slot, 0);
            Map(slot, chain, cells);
            _reserved[slot] = cells;
            if (!isListed && cells > 0) Restore(slot, cells, state);
            _hasLeftList[slot] = false;
        }
        catch
        {
            Clear(slot);
            throw;
        }
    }

    internal override void Prepare(int slot, int cells)
    {
        if (HasInPlaceState || _chains[slot] is not null || Cells(slot) > 0 || _context.LastPosition(slot) + 1 >= cells) return;
        try
        {
            Restore(slot, cells, ReadOnlyMemory<byte>.Empty);
            _hasLeftList[slot] = true;
        }
        catch (StokerException)
        {
            Clear(slot); // whoever enters it is told
        }
    }

    internal override int Cells(int slot) => _hasLeftList[slot] ? 0 : _context.LastPosition(slot) + 1;

    internal override KvState Capture(int slot)
    {
        var cells = Cells(slot);
        if (cells == 0 || !HasInPlaceState) return new KvState(cells, []);
        const int header = 8; // magic and sequence, which the next attach writes anew
        var blob = _memory.ReadState(_context, slot, inPlaceOnly: true);
        return blob is { Parts: [var (at, bytes)], Ranges.Count: 0 } && at == 0 && bytes.Length > header
            ? new KvState(cells, bytes[header..].ToArray())
            : throw new StokerException(ErrorKind.Internal, "llama.cpp's recurrent state is not one piece.");
    }

    internal override void Empty(int slot)
    {
        if (_hasLeftList[slot]) return;
        // A state that is rewritten in place cannot be cut, and a list that begins later has lost cells to a window.
        if (_chains[slot] is null || HasInPlaceState || _context.FirstPosition(slot) != 0)
        {
            Clear(slot);
            return;
        }
        Unmap(slot);
        _hasLeftList[slot] = true;
    }

    internal override void Reserve(int slot, int cells)
    {
        if (_chains[slot] is not { } chain) return;
        // What is shared is mapped read-only: decoding there would end the process.
        if (_context.LastPosition(slot) + 1 < chain.FirstOwnCell)
            throw new InvalidOperationException($"Slot {slot} was cut at {_context.LastPosition(slot) + 1}, below the {chain.FirstOwnCell} cells it shares: map a chain that was cut too.");
        if (cells > _reserved[slot])
        {
            var from = Math.Max(_reserved[slot], chain.FirstOwnCell);
            var ahead = Math.Min((cells + ReserveStep - 1) / ReserveStep * ReserveStep, _context.SequenceTokens);
            chain.Own.Reserve(_shape.Layout, from, ahead);
            _reserved[slot] = ahead;
        }
        if (cells > _readAhead[slot] + ReadAheadStep) ReadAhead(slot, _context.LastPosition(slot) + 1);
    }

    internal override void Remap(int slot, KvChain chain)
    {
        // Of another file nothing is known but what it shares; and where the own one begins earlier now, it may have holes.
        var isReserved = _chains[slot] is { } before && ReferenceEquals(chain.Own, before.Own) && chain.FirstOwnCell >= before.FirstOwnCell;
        try
        {
            Map(slot, chain, _context.LastPosition(slot) + 1);
        }
        catch
        {
            Clear(slot);
            throw;
        }
        if (!isReserved) _reserved[slot] = chain.FirstOwnCell;
    }

    internal override void Drain() => _memory.Drain();

    internal override long ReleaseCompute() => _memory.ReleaseWork();

    internal override void Trim(int slot)
    {
        if (_windowTokens is not { } window || _chains[slot] is null || Cells(slot) - window is not (> 0 and var cells)) return;
        for (var i = 0; i < _shape.Tensors.Count; i++) _memory.Drop(slot, _shape.Tensors[i], _shape.Layout.WholePageBytes(_shape.Layout.Regions[i], cells));
    }

    private void Clear(int slot)
    {
        var isUsed = _chains[slot] is not null || _context.LastPosition(slot) >= 0;
        _ = _context.TryTruncate(slot, 0);
        _hasLeftList[slot] = false;
        if (isUsed) Unmap(slot);
    }

    private void Unmap(int slot)
    {
        if (_chains[slot] is not null) _memory.SetAside(slot);
        _memory.Unmap(slot);
        _chains[slot] = null;
        _reserved[slot] = 0;
    }

    // Whole pages of shared cells read-only from the files that share them, from the page of the first own cell on the own file.
    private void Map(int slot, KvChain chain, int cells)
    {
        if (_chains[slot] is not null) _memory.SetAside(slot);
        try
        {
            for (var i = 0; i < _shape.Tensors.Count; i++)
            {
                var region = _shape.Layout.Regions[i];
                var tensor = _shape.Tensors[i];
                var from = 0L;
                foreach (var segment in chain.Shared)
                {
                    var end = _shape.Layout.WholePageBytes(region, segment.EndCell);
                    _memory.Map(slot, tensor, from, end - from, segment.File.Handle, region.FileOffset + from, writable: false);
                    from = end;
                }
                var length = _memory.Tensors[tensor].SlotBytes - from;
                _memory.Map(slot, tensor, from, length, chain.Own.Handle, region.FileOffset + from, writable: true);
                var written = _shape.Layout.WholePageBytes(region, cells);
                _memory.AdviseReadAhead(slot, tensor, written, _memory.Tensors[tensor].SlotBytes - written, readAhead: false);
                if (cells > 0 && written < ReadAroundBytes) _memory.Fetch(slot, tensor, (long)cells * region.RowBytes);
            }
            _chains[slot] = chain;
            _readAhead[slot] = cells;
        }
        catch (LibcException error)
        {
            Unmap(slot);
            throw new StokerException(
                error.Errno == Errno.OutOfMemory ? ErrorKind.OutOfMemory : ErrorKind.Io, $"The conversation's file {chain.Own.Name} cannot be mapped: {error.Message}", error);
        }
    }

    // Only now: before they were written, reading ahead would have filled megabytes of memory with zeros for each page of new cells.
    private void ReadAhead(int slot, int cells)
    {
        for (var i = 0; i < _shape.Tensors.Count; i++)
        {
            var region = _shape.Layout.Regions[i];
            var known = _shape.Layout.WholePageBytes(region, _readAhead[slot]);
            _memory.AdviseReadAhead(slot, _shape.Tensors[i], known, _shape.Layout.WholePageBytes(region, cells) - known, readAhead: true);
        }
        _readAhead[slot] = cells;
    }

    private void Restore(int slot, int cells, ReadOnlyMemory<byte> state)
    {
        var blob = StateBlob.Of(slot, _chains.Length, cells, _shape.Caches, state);
        IReadOnlyList<StateRange> placed;
        try
        {
            placed = _memory.WriteState(_context, slot, blob);
        }
        catch (LlamaException error)
        {
            throw new StokerException(ErrorKind.Corrupt, $"The conversation's state cannot be restored: {error.Message}", error);
        }
        // The rows are where the file has them, or the library reads other cells than the conversation's.
        if (!placed.SequenceEqual(blob.Ranges) || _context.LastPosition(slot) + 1 != cells)
            throw new StokerException(ErrorKind.Corrupt, "llama.cpp does not put the conversation's cells where its file has them.");
    }
}
