using Stoker.Engine.Sessions;

namespace SessionLab;

/// <summary>
/// Does things to sessions and says so on standard output: before each, what it is about to make true (<c>begin NAME STATE …</c>,
/// a state being the tokens' hash or <c>gone</c>), after it <c>done</c>. Whoever kills it knows what must be found.
/// </summary>
internal sealed class Actor(SessionStore store, Random random, TextWriter output)
{
    private const int MostCells = 1500;
    private static readonly string Nothing = Canary.Hash([]);

    /// <summary>One random thing to one of these names.</summary>
    internal void ActOnOne(string prefix, int names)
    {
        var name = $"{prefix}{random.Next(names)}";
        if (store.Find(name) is null)
        {
            CreateAndGrow(name);
            return;
        }
        var other = $"{prefix}{random.Next(names)}";
        switch (random.Next(100))
        {
            case < 45: Grow(name, random.Next(1, 150)); break;
            case < 70: Edit(name); break;
            case < 86 when store.Find(other) is null: Fork(name, other); break;
            case < 92: Remove(name); break;
            case < 96 when store.Find(other) is null: Rename(name, other); break;
            default: Look(name); break;
        }
    }

    /// <summary>Everything once, in an order in which each kind of file is shared, cut and given up.</summary>
    internal void ActInOrder()
    {
        CreateAndGrow("a");
        Grow("a", 300);
        Edit("a");
        Fork("a", "b");
        Grow("b", 100);
        Grow("a", 60);
        Edit("a"); // its file is the child's too by now
        Fork("b", "c");
        Edit("c");
        Rename("c", "d");
        Remove("a");
        Edit("b");
        Look("d");
        ForkBeyondTheSnapshot("d", "e");
        Grow("d", 80); // begins where the child goes on reading
        Look("e");
        NameACachedOne("f");
    }

    internal void CreateAndGrow(string name)
    {
        Say(name, Nothing);
        using var session = store.Create(name, "", Canary.Identity, Canary.Layout);
        Done();
        Extend(session, random.Next(20, 400));
    }

    internal void Grow(string name, int cells)
    {
        using var session = Open(name);
        Extend(session, session.Snapshot.Cells + cells > MostCells ? 0 : cells);
    }

    private void Edit(string name)
    {
        using var session = Open(name);
        var keep = random.Next(session.Snapshot.Cells + 1);
        Say(name, Canary.Hash(session.Snapshot.Tokens.Take(keep)));
        session.MoveBack(keep);
        Done();
        Extend(session, random.Next(1, 150));
    }

    private void Fork(string name, string other)
    {
        using var session = Open(name);
        var tokens = session.Snapshot.Tokens.Take(random.Next(3) == 0 ? random.Next(session.Snapshot.Cells + 1) : session.Snapshot.Cells).ToArray();
        Say(other, Canary.Hash(tokens));
        using var child = session.Fork(other, Canary.Snapshot(tokens));
        Done();
        // Both go on; what they share stays as it was.
        Extend(child, random.Next(1, 100));
        Extend(session, random.Next(1, 100));
    }

    // What is decoded in the parent after its last snapshot is the child's alone, should it end now.
    private void ForkBeyondTheSnapshot(string name, string other)
    {
        using var session = Open(name);
        var tokens = session.Snapshot.Tokens.Concat(Enumerable.Range(0, 90).Select(_ => random.Next())).ToArray();
        Canary.Decode(session, session.Snapshot.Cells, tokens);
        Say(other, Canary.Hash(tokens));
        using var child = session.Fork(other, Canary.Snapshot(tokens));
        Done();
    }

    private void NameACachedOne(string name)
    {
        var tokens = Enumerable.Range(0, 60).Select(_ => random.Next()).ToArray();
        string id;
        using (var session = store.Create(null, "", Canary.Identity, Canary.Layout))
        {
            id = session.Id;
            Canary.Decode(session, 0, tokens);
            session.Save(Canary.Snapshot(tokens));
        }
        Say(name, Canary.Hash(tokens));
        store.Rename(id, name);
        Done();
    }

    private void Rename(string name, string other)
    {
        var state = Canary.Hash(store.Read(name).Tokens);
        Say(name, "gone", other, state);
        store.Rename(name, other);
        Done();
    }

    private void Remove(string name)
    {
        Say(name, "gone");
        store.Remove(name);
        Done();
    }

    private void Look(string name) => Open(name).Dispose();

    private OpenSession Open(string name)
    {
        var session = store.Open(name, null, Canary.Identity, Canary.Layout);
        return (session.Damage ?? Canary.Strange(session)) is { } wrong ? throw new InvalidOperationException(wrong) : session;
    }

    private void Extend(OpenSession session, int cells)
    {
        var tokens = session.Snapshot.Tokens.Concat(Enumerable.Range(0, cells).Select(_ => random.Next())).ToArray();
        Canary.Decode(session, session.Snapshot.Cells, tokens);
        Say(session.Name!, Canary.Hash(tokens));
        session.Save(Canary.Snapshot(tokens));
        Done();
    }

    private void Say(params string[] namesAndStates)
    {
        output.WriteLine("begin " + string.Join(' ', namesAndStates));
        output.Flush();
    }

    private void Done()
    {
        output.WriteLine("done");
        output.Flush();
    }
}
