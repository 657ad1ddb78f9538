using System.Buffers.Binary;

namespace Stoker.Bench.Kv;

/// <summary>
/// Makes a state file of many cells out of one that llama.cpp wrote for a single cell: the same header, layers, types and rows,
/// each row repeated with random f16 payload. Reading it fills a context in seconds where computing the tokens would take hours;
/// both sides of a comparison read the same file. Layout: magic, version, tokens; then for the attention cache a stream count,
/// for the stream its cells {pos, sequences, sequence}, whether values are transposed, layers, and for each layer's keys, then
/// values, type, row size and rows; what follows is a recurrent state, kept as it is but for its position.
/// </summary>
internal static class StateFile
{

    /// <param name="oneCell">As llama.cpp saved it, with one token.</param>
    /// <param name="path">To write.</param>
    public static void Expand(ReadOnlySpan<byte> oneCell, string path, int cells, int seed)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        var reader = new Reader(oneCell);
        file.Write(reader.Take(2 * 4));
        var tokens = reader.Int();
        if (tokens != 1) throw new InvalidOperationException($"The template holds {tokens} tokens.");
        WriteInt(file, cells);
        var token = reader.Int();
        for (var i = 0; i < cells; i++) WriteInt(file, token);
        var streams = reader.Int();
        WriteInt(file, streams);
        if (reader.Int() != 1) throw new InvalidOperationException("The template's first stream has not one cell.");
        WriteInt(file, cells);
        reader.Take(4);
        var rest = reader.Take(8).ToArray();
        for (var i = 0; i < cells; i++)
        {
            WriteInt(file, i);
            file.Write(rest);
        }
        WriteRows(file, ref reader, cells, MakeTile(seed));
        for (var i = 1; i < streams; i++) file.Write(reader.Take(4)); // the other streams are empty
        var tail = reader.Rest().ToArray();
        if (tail.Length >= 8) BinaryPrimitives.WriteInt32LittleEndian(tail.AsSpan(4), cells - 1);
        file.Write(tail);
    }

    private static void WriteRows(Stream file, ref Reader reader, int cells, byte[] tile)
    {
        if (reader.Int() != 0) throw new InvalidOperationException("Values are transposed: flash attention is off.");
        var layers = reader.Int();
        WriteInt(file, 0);
        WriteInt(file, layers);
        for (var i = 0; i < 2 * layers; i++)
        {
            var head = reader.Take(4 + 8);
            file.Write(head);
            if (BinaryPrimitives.ReadInt32LittleEndian(head) != 1) throw new InvalidOperationException("Only f16 cells can be made up.");
            var row = BinaryPrimitives.ReadInt64LittleEndian(head[4..]);
            reader.Take((int)row);
            WriteTiled(file, tile, row * cells, (int)(i * 7919L * 2 % tile.Length));
        }
    }

    private static void WriteTiled(Stream file, byte[] tile, long bytes, int from)
    {
        while (bytes > 0)
        {
            var count = (int)Math.Min(bytes, tile.Length - from);
            file.Write(tile.AsSpan(from, count));
            bytes -= count;
            from = 0;
        }
    }

    /// <summary>A few megabytes of f16 between -1 and 1, of a length that no row divides.</summary>
    private static byte[] MakeTile(int seed)
    {
        var random = new Random(seed);
        var tile = new byte[2 * 2_097_143];
        for (var i = 0; i < tile.Length; i += 2) BinaryPrimitives.WriteHalfLittleEndian(tile.AsSpan(i), (Half)((random.NextDouble() * 2) - 1));
        return tile;
    }

    private static void WriteInt(Stream stream, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _bytes = bytes;

        public ReadOnlySpan<byte> Take(int count)
        {
            var taken = _bytes[..count];
            _bytes = _bytes[count..];
            return taken;
        }

        public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

        public readonly ReadOnlySpan<byte> Rest() => _bytes;
    }
}
