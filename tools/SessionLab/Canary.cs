using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Supply.Blobs;

namespace SessionLab;

/// <summary>Conversations without a model: each cell's rows follow from its place and its token, so that a strange one is seen.</summary>
public static class Canary
{
    /// <summary>Rows that do not fill pages, so that cuts lie inside of them: 3 layers, keys and values of other sizes.</summary>
    public static KvLayout Layout { get; } = KvLayout.Of(4096, Enumerable.Range(0, 3).SelectMany(static layer => new[] { ($"k{layer}", 272), ($"v{layer}", 144) }));

    public static SessionIdentity Identity { get; } = new()
    {
        Model = "canary", ModelDigest = "sha256:" + new string('a', 64), Runtime = "llama 1", KvTypes = "f16/f16", Rope = "10000", Shape = "3 layers",
    };

    /// <summary>Writes the cells of tokens where a slot would: into the own file, at their places.</summary>
    public static void Decode(OpenSession session, int fromCell, IReadOnlyList<int> tokens)
    {
        session.Chain!.Own.Reserve(Layout, fromCell, tokens.Count);
        foreach (var region in Layout.Regions)
        {
            var rows = new byte[(tokens.Count - fromCell) * region.RowBytes];
            for (var cell = fromCell; cell < tokens.Count; cell++) Row(region, cell, tokens[cell], rows.AsSpan((cell - fromCell) * region.RowBytes, region.RowBytes));
            try
            {
                RandomAccess.Write(session.Chain.Own.Handle, rows, region.FileOffset + ((long)fromCell * region.RowBytes));
            }
            catch (IOException refused)
            {
                throw DiskErrors.Wrap(refused, "Writing cells", session.Chain.Own.Name);
            }
        }
    }

    /// <summary>The first cell of the snapshot that is not the one its token made, in words; null: all are.</summary>
    public static string? Strange(OpenSession session)
    {
        var tokens = session.Snapshot.Tokens;
        foreach (var region in Layout.Regions)
        {
            var found = new byte[tokens.Count * region.RowBytes];
            var expected = new byte[region.RowBytes];
            ChainCells.Read(session.Chain!, Layout, region, 0, found);
            for (var cell = 0; cell < tokens.Count; cell++)
            {
                Row(region, cell, tokens[cell], expected);
                if (!found.AsSpan(cell * region.RowBytes, region.RowBytes).SequenceEqual(expected))
                    return $"cell {cell} of {tokens.Count} in {region.Name} of session {session.Name ?? session.Id} is not that of token {tokens[cell]}";
            }
        }
        return null;
    }

    public static SessionSnapshot Snapshot(IReadOnlyList<int> tokens) => new()
    {
        Tokens = tokens, SamplerState = new byte[] { 1, 2, 3 }, Messages = [new ChatMessage("user", $"{tokens.Count} tokens")],
    };

    /// <summary>Stands for a list of tokens.</summary>
    public static string Hash(IEnumerable<int> tokens)
    {
        var list = tokens.ToArray();
        return $"{list.Length}-{Crc32C.Of(MemoryMarshal.AsBytes<int>(list)):x8}";
    }

    // Eight bytes that depend on region, cell and token, over and over, each time another.
    private static void Row(in KvRegion region, int cell, int token, Span<byte> row)
    {
        var value = ((ulong)region.FileOffset * 0x9E3779B97F4A7C15) ^ ((ulong)cell << 32) ^ (uint)token;
        for (var at = 0; at < row.Length; at += 8)
        {
            value = (value ^ (value >> 29)) * 0xBF58476D1CE4E5B9;
            BinaryPrimitives.WriteUInt64LittleEndian(row[at..], value);
        }
    }
}
