using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>One attention cache as the state functions write it: its tensors in layer order.</summary>
/// <param name="Keys">Tensor and bytes of a row, for each layer.</param>
/// <param name="Values">The same for the values.</param>
public sealed record BlobCache(IReadOnlyList<(int Tensor, int RowBytes)> Keys, IReadOnlyList<(int Tensor, int RowBytes)> Values, KvType KeyType, KvType ValueType);

/// <summary>
/// The state of a sequence as llama.cpp v0.5.0 writes it (llama_context::state_seq_get_data, llama_kv_cache::state_write), made from
/// nothing: where all cells are a conversation's own, in order from 0, it is a function of their number. Pure.
/// </summary>
public static class StateBlob
{
    private const uint Magic = 0xaf143cd8;
    private const int CellBytes = 12;

    /// <summary>The state of <paramref name="cells"/> cells without their rows; they are listed as ranges.</summary>
    /// <param name="slot">The sequence.</param>
    /// <param name="slots">Sequences that the context has, each with a stream of its own.</param>
    /// <param name="caches">Attention caches in the context's order. All cells are listed in each, also those that a window no longer shows.</param>
    /// <param name="inPlace">What follows them: the part of models that rewrite a state in place.</param>
    public static SparseState Of(int slot, int slots, int cells, IReadOnlyList<BlobCache> caches, ReadOnlyMemory<byte> inPlace)
    {
        var writer = new SparseWriter();
        writer.Put(Magic);
        writer.Put((uint)slot);
        foreach (var cache in caches)
        {
            writer.Put((uint)slots);
            for (var stream = 0; stream < slots; stream++)
            {
                if (stream == slot && cells > 0) PutStream(writer, slot, cells, cache);
                else writer.Put(0u);
            }
        }
        writer.Put(inPlace.Span);
        return writer.Finish();
    }

    private static void PutStream(SparseWriter writer, int slot, int cells, BlobCache cache)
    {
        writer.Put((uint)cells);
        var fields = MemoryMarshal.Cast<byte, int>(writer.Take(checked(cells * CellBytes)));
        for (var cell = 0; cell < cells; cell++)
        {
            // position, number of sequences, the sequence
            fields[3 * cell] = cell;
            fields[(3 * cell) + 1] = 1;
            fields[(3 * cell) + 2] = slot;
        }
        writer.Put(0u); // values are not transposed
        writer.Put((uint)cache.Keys.Count);
        PutRows(writer, slot, cells, cache.Keys, cache.KeyType);
        PutRows(writer, slot, cells, cache.Values, cache.ValueType);
    }

    private static void PutRows(SparseWriter writer, int slot, int cells, IReadOnlyList<(int Tensor, int RowBytes)> layers, KvType type)
    {
        foreach (var (tensor, rowBytes) in layers)
        {
            writer.Put((uint)type);
            writer.Put((ulong)rowBytes);
            writer.Skip(new StateRange(tensor, slot, 0, (long)cells * rowBytes));
        }
    }

    /// <summary>Collects bytes and holes.</summary>
    private sealed class SparseWriter
    {
        private readonly List<(long, ReadOnlyMemory<byte>)> _parts = [];
        private readonly List<StateRange> _ranges = [];
        private ArrayBufferWriter<byte> _part = new();
        private long _at;

        internal void Put(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(sizeof(uint)), value);

        internal void Put(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);

        internal void Put(ReadOnlySpan<byte> bytes) => _part.Write(bytes);

        /// <summary>The next bytes, to be written before anything else is put.</summary>
        internal Span<byte> Take(int count)
        {
            var bytes = _part.GetSpan(count)[..count];
            _part.Advance(count);
            return bytes;
        }

        internal void Skip(StateRange range)
        {
            Flush();
            _ranges.Add(range);
            _at += range.Length;
        }

        internal SparseState Finish()
        {
            Flush();
            return new SparseState(_at, _parts, _ranges);
        }

        private void Flush()
        {
            if (_part.WrittenCount == 0) return;
            _parts.Add((_at, _part.WrittenMemory));
            _at += _part.WrittenCount;
            _part = new ArrayBufferWriter<byte>();
        }
    }
}
