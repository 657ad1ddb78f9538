using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

// sessionlab ROOT order SEED [fsync]          every kind of change once
// sessionlab ROOT random SEED PREFIX NAMES    changes until it is killed
// sessionlab ROOT check                       recovers; prints NAME STATE of each session, 1 when one is not as it must be
// Ends with 3 and `error KIND MESSAGE` when the disk refuses.
if (args is not [var root, var what, ..])
{
    Console.Error.WriteLine("usage: sessionlab ROOT order|random|check ...");
    return 2;
}
var store = new SessionStore(new SessionStoreOptions { Root = root, Sync = args is [.., "fsync"] }, TimeProvider.System);
try
{
    switch (what)
    {
        case "order":
            new Actor(store, new Random(int.Parse(args[2])), Console.Out).ActInOrder();
            return 0;
        case "random":
            var actor = new Actor(store, new Random(int.Parse(args[2])), Console.Out);
            while (true) actor.ActOnOne(args[3], int.Parse(args[4]));
        default:
            return Check(store, root);
    }
}
catch (StokerException error)
{
    Console.WriteLine($"error {error.Kind} {error.Message}");
    return 3;
}

static int Check(SessionStore store, string root)
{
    store.Recover();
    var cache = Path.Combine(root, "cache");
    var wrong = new[] { root, cache }.Where(Directory.Exists).SelectMany(Directory.GetDirectories)
        .Where(path => path != cache && !SessionName.IsId(Path.GetFileName(path))).Select(static path => $"left over: {path}").ToList();
    foreach (var summary in store.List())
    {
        using var session = store.Open(summary.Id, null, Canary.Identity, Canary.Layout);
        if ((session.Damage ?? Canary.Strange(session)) is { } problem) wrong.Add($"{summary.Name}: {problem}");
        Console.WriteLine($"{summary.Name} {Canary.Hash(session.Snapshot.Tokens)}");
    }
    foreach (var problem in wrong) Console.Error.WriteLine(problem);
    return wrong.Count == 0 ? 0 : 1;
}
