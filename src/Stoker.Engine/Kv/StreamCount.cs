using System.Buffers.Binary;

namespace Stoker.Engine.Kv;

/// <summary>
/// A sequence's whole state as llama.cpp v0.5.0 writes it (llama_kv_cache::state_write) has a place for each stream of the context
/// it comes from, all empty but the sequence's own, and is taken only by a context with as many. Pure.
/// </summary>
public static class StreamCount
{
    private const int HeaderBytes = 8; // magic, sequence
    private const int CellBytes = 12;  // position, 1, the sequence
    private const int MostLayers = 4096;

    /// <summary>The same state for a context of so many streams. One that is not understood comes back as it is: the library refuses it.</summary>
    /// <param name="caches">Attention caches that the model has; what follows them depends on no stream.</param>
    public static ReadOnlyMemory<byte> Change(ReadOnlyMemory<byte> state, int streams, int caches)
    {
        var bytes = state.Span;
        var own = new List<Range>(caches);
        var at = HeaderBytes;
        var was = 0u;
        for (var cache = 0; cache < caches; cache++)
        {
            if (!TryTake(bytes, ref at, out var count) || (cache > 0 && count != was) || count == streams) return state;
            was = count;
            if (!TryFindOwn(bytes, ref at, count, out var found)) return state;
            own.Add(found);
        }
        return own.Count == 0 ? state : Write(bytes, streams, own, at);
    }

    private static byte[] Write(ReadOnlySpan<byte> bytes, int streams, List<Range> own, int rest)
    {
        var empty = sizeof(uint);
        var lengths = own.ConvertAll(range => range.End.Value - range.Start.Value);
        var length = HeaderBytes + (bytes.Length - rest) + lengths.Sum(body => empty + (body == 0 ? streams * empty : body + ((streams - 1) * empty)));
        var changed = new byte[length];
        bytes[..HeaderBytes].CopyTo(changed);
        var at = HeaderBytes;
        for (var cache = 0; cache < own.Count; cache++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(at), (uint)streams);
            bytes[own[cache]].CopyTo(changed.AsSpan(at + empty));
            at += empty + lengths[cache] + ((lengths[cache] == 0 ? streams : streams - 1) * empty);
        }
        bytes[rest..].CopyTo(changed.AsSpan(at));
        return changed;
    }

    // The one stream that has cells, with their count before it; an empty range: none has.
    private static bool TryFindOwn(ReadOnlySpan<byte> bytes, ref int at, uint streams, out Range own)
    {
        own = 0..0;
        for (var stream = 0u; stream < streams; stream++)
        {
            var from = at;
            if (!TryTake(bytes, ref at, out var cells)) return false;
            if (cells == 0) continue;
            if (own.End.Value != 0 || !TrySkipCells(bytes, ref at, cells)) return false;
            own = from..at;
        }
        return true;
    }

    private static bool TrySkipCells(ReadOnlySpan<byte> bytes, ref int at, uint cells)
    {
        for (var cell = 0u; cell < cells; cell++)
        {
            var sequences = at + sizeof(uint);
            if (!TrySkip(bytes, ref at, CellBytes) || BinaryPrimitives.ReadUInt32LittleEndian(bytes[sequences..]) != 1) return false;
        }
        if (!TryTake(bytes, ref at, out var transposed) || transposed != 0 || !TryTake(bytes, ref at, out var layers) || layers > MostLayers) return false;
        for (var rows = 0; rows < 2 * layers; rows++) // keys of all layers, then values: a type, the bytes of a row, the rows
        {
            if (!TrySkip(bytes, ref at, sizeof(uint)) || !TryTake(bytes, ref at, out var rowBytes) || !TryTake(bytes, ref at, out var high) || high != 0) return false;
            if (!TrySkip(bytes, ref at, (long)cells * rowBytes)) return false;
        }
        return true;
    }

    private static bool TryTake(ReadOnlySpan<byte> bytes, ref int at, out uint value)
    {
        var from = at;
        value = 0;
        if (!TrySkip(bytes, ref at, sizeof(uint))) return false;
        value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[from..]);
        return true;
    }

    private static bool TrySkip(ReadOnlySpan<byte> bytes, ref int at, long length)
    {
        if (length < 0 || length > bytes.Length - at) return false;
        at += (int)length;
        return true;
    }
}
