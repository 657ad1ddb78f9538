using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>A store in a folder of the test's own, and conversations whose cells say which token made them.</summary>
internal sealed class SessionBench : IDisposable
{
    private readonly TempFolder? _folder;

    internal SessionBench(string? root = null, bool sync = false, long? quota = null)
    {
        if (root is null) _folder = new TempFolder();
        Root = root ?? _folder!.File("sessions");
        Store = new SessionStore(new SessionStoreOptions { Root = Root, Sync = sync, QuotaBytes = quota }, TimeProvider.System);
    }

    internal string Root { get; }
    internal SessionStore Store { get; }

    /// <summary>Rows that do not fill pages, so that cuts lie inside of them: 3 layers, keys and values of other sizes.</summary>
    internal static KvLayout Layout { get; } = KvLayout.Of(4096, Enumerable.Range(0, 3).SelectMany(static layer => new[] { ($"k{layer}", 272), ($"v{layer}", 144) }));

    internal static SessionIdentity Identity { get; } = new()
    {
        Model = "tiny", ModelDigest = "sha256:" + new string('a', 64), Runtime = "llama 1", KvTypes = "f16/f16", Rope = "10000", Shape = "3 layers",
    };

    internal OpenSession Create(string? name, string scope = "") => Store.Create(name, scope, Identity, Layout);

    internal OpenSession Open(string nameOrId) => Store.Open(nameOrId, null, Identity, Layout);

    /// <summary>Writes the cells of tokens where a slot would: into the own file, at their places.</summary>
    internal static void Decode(OpenSession session, int fromCell, IReadOnlyList<int> tokens)
    {
        session.Chain!.Own.Reserve(Layout, fromCell, tokens.Count);
        foreach (var region in Layout.Regions)
        {
            for (var cell = fromCell; cell < tokens.Count; cell++)
                RandomAccess.Write(session.Chain.Own.Handle, Row(region, cell, tokens[cell]), region.FileOffset + ((long)cell * region.RowBytes));
        }
    }

    /// <summary>Every cell of the snapshot is the one that its token made.</summary>
    internal static void AssertCells(OpenSession session)
    {
        var tokens = session.Snapshot.Tokens;
        foreach (var region in Layout.Regions)
        {
            var found = new byte[tokens.Count * region.RowBytes];
            ChainCells.Read(session.Chain!, Layout, region, 0, found);
            for (var cell = 0; cell < tokens.Count; cell++)
            {
                if (!found.AsSpan(cell * region.RowBytes, region.RowBytes).SequenceEqual(Row(region, cell, tokens[cell])))
                    Assert.Fail($"cell {cell} of {tokens.Count} in {region.Name} of session {session.Name ?? session.Id} is not that of token {tokens[cell]}");
            }
        }
    }

    internal static SessionSnapshot Snapshot(IReadOnlyList<int> tokens) => new()
    {
        Tokens = tokens, SamplerState = new byte[] { 1, 2, 3 }, Messages = [new ChatMessage("user", $"{tokens.Count} tokens")],
    };

    internal static int[] Tokens(int count, int seed) => Enumerable.Range(0, count).Select(i => (seed * 100_003) + i).ToArray();

    public void Dispose() => _folder?.Dispose();

    private static byte[] Row(in KvRegion region, int cell, int token)
    {
        var row = new byte[region.RowBytes];
        new Random(HashCode.Combine(region.FileOffset, cell, token)).NextBytes(row);
        return row;
    }
}
