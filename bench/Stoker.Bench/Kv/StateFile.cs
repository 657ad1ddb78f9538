using System.Buffers.Binary;

namespace Stoker.Bench.Kv;

/// <summary>
/// A file for llama_state_seq_load_file with random rows: a filled context without the hours of computing one. The form is the
/// one that llama.cpp v0.5.0 writes (llama_context::state_seq_save_file): header, tokens, the state without its first 8 bytes.
/// </summary>
internal static class StateFile
{
    private const uint Magic = 0x67677371; // ggsq
    private const uint Version = 3;

    /// <param name="streams">Sequences of the context that will read it; the first is filled.</param>
    /// <param name="layers">Attention layers.</param>
    /// <param name="rowBytes">Of a layer's keys, and of its values: f16.</param>
    public static void Write(string path, int cells, int streams, int layers, int rowBytes)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        Put(file, Magic, Version, (uint)cells);
        for (var i = 0; i < cells; i++) Put(file, (uint)(i % 1000));
        Put(file, (uint)streams, (uint)cells);
        for (var cell = 0; cell < cells; cell++) Put(file, (uint)cell, 1, 0);
        Put(file, 0, (uint)layers);
        var tile = Tile(4 << 20);
        for (var tensor = 0; tensor < 2 * layers; tensor++)
        {
            const uint f16 = 1;
            Put(file, f16, (uint)rowBytes, 0); // the length of a row has 8 bytes
            var left = (long)cells * rowBytes;
            for (var from = tensor * 7919 % 4096 * 2; left > 0; from = 0)
            {
                var count = (int)Math.Min(left, tile.Length - from);
                file.Write(tile, from, count);
                left -= count;
            }
        }
        for (var stream = 1; stream < streams; stream++) Put(file, 0);
    }

    // Between -0.5 and 0.5, as keys and values of models with unit norms are.
    private static byte[] Tile(int bytes)
    {
        var random = new Random(6);
        var tile = new byte[bytes];
        for (var at = 0; at < bytes; at += 2) BinaryPrimitives.WriteHalfLittleEndian(tile.AsSpan(at), (Half)(random.NextDouble() - 0.5));
        return tile;
    }

    private static void Put(FileStream file, params ReadOnlySpan<uint> values)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var value in values)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            file.Write(bytes);
        }
    }
}
