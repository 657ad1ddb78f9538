using SessionLab;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>A store in a folder of the test's own, and conversations whose cells say which token made them.</summary>
internal sealed class SessionBench : IDisposable
{
    private readonly TempFolder? _folder;

    internal SessionBench(string? root = null, bool sync = false, long? quota = null, TimeProvider? time = null)
    {
        if (root is null) _folder = new TempFolder();
        Root = root ?? _folder!.File("sessions");
        Store = new SessionStore(new SessionStoreOptions { Root = Root, Sync = sync, QuotaBytes = quota }, time ?? TimeProvider.System);
    }

    internal string Root { get; }
    internal SessionStore Store { get; }

    internal static KvLayout Layout => Canary.Layout;

    internal OpenSession Create(string? name, string scope = "") => Store.Create(name, scope, Canary.Identity, Canary.Layout);

    internal OpenSession Open(string nameOrId) => Store.Open(nameOrId, null, Canary.Identity, Canary.Layout);

    /// <summary>A session that was saved and closed; its id.</summary>
    internal string Keep(string? name, IReadOnlyList<int> tokens)
    {
        using var session = Create(name);
        Canary.Decode(session, 0, tokens);
        session.Save(Canary.Snapshot(tokens));
        return session.Id;
    }

    internal string File(string id, string name) => Path.Combine(Root, id, name);

    internal string CacheFile(string id, string name) => Path.Combine(Root, "cache", id, name);

    internal static void AssertCells(OpenSession session) => Assert.Null(Canary.Strange(session));

    internal static int[] Tokens(int count, int seed) => Enumerable.Range(0, count).Select(i => (seed * 100_003) + i).ToArray();

    public void Dispose() => _folder?.Dispose();
}
