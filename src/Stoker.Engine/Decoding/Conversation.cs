using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>A kept conversation: its tokens, and where their cells are. Of the decode thread alone.</summary>
internal sealed class Conversation(string scope)
{
    private readonly List<KvState> _points = [];
    private Action? _lastSave;

    /// <summary>Points of the past are kept for so many turns.</summary>
    private const int MostPoints = 4;

    /// <summary>The first, which other conversations share, and the beginning and the end of the last answer are kept however large they are.</summary>
    private const int LeastPoints = 3;

    /// <summary>They lie in memory, and each snapshot is written with them.</summary>
    private const long MostPointBytes = 64 << 20;

    /// <summary>Whose it is: no other scope ever sees it.</summary>
    public string Scope { get; } = scope;

    /// <summary>Tokens whose cells are there, in order.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>Its slot, or null while it is outside.</summary>
    public int? Slot { get; set; }

    /// <summary>Its files; null where cells lie in memory.</summary>
    public KvChain? Chain { get; set; }

    /// <summary>Held, where it has a name; its files are <see cref="Chain"/> then.</summary>
    public OpenSession? Session { get; init; }

    /// <summary>What is being saved of it beside the decode thread. Never faults.</summary>
    public Task Saving { get; private set; } = Task.CompletedTask;

    /// <summary>Why its last save failed, once it did; the snapshot before that stands. Read it when <see cref="Saving"/> is over.</summary>
    public Exception? SaveFailure { get; private set; }

    /// <summary>Saves beside the decode thread, after what is being saved already.</summary>
    public void SaveBeside(Action save) => Saving = Saving.ContinueWith(
        _ =>
        {
            (_lastSave, SaveFailure) = (save, null);
            try
            {
                save();
                _lastSave = null;
            }
            catch (Exception error)
            {
                SaveFailure = error;
            }
        },
        CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    /// <summary>Tries again what failed last.</summary>
    public void SaveAgain() => SaveBeside(_lastSave!);

    /// <summary>A timestamp of <see cref="IdlePages"/>: when its last answer ended.</summary>
    public long RestsSince { get; set; }

    /// <summary>Its pages were given back to the kernel since it was used last.</summary>
    public bool IsPagedOut { get; set; }

    /// <summary>A session's text.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; set; } = [];

    /// <summary>While it is outside of a slot: what does not lie in its files.</summary>
    public ReadOnlyMemory<byte> State { get; set; }

    /// <summary>It has a name, and nothing that was said is kept under it: its first answer was broken off before it began.</summary>
    public bool IsUnsaid
    {
        get
        {
            if (Session is not { Name: not null, BeganEmpty: true } session) return false;
            Settle();
            return session.Snapshot.Messages.Count == 0;
        }
    }

    /// <summary>Somebody answers in it.</summary>
    public bool IsAnswering { get; set; }

    /// <summary>Counts up with every use.</summary>
    public long LastUsed { get; set; }

    /// <summary>Earlier states that it can return to, of models that cannot forget single cells.</summary>
    public IReadOnlyList<KvState> Points => _points;

    public void AddPoint(KvState point)
    {
        _points.RemoveAll(other => other.Cells >= point.Cells);
        _points.Add(point);
        while (_points.Count > MostPoints || (_points.Count > LeastPoints && PointBytes > MostPointBytes)) _points.RemoveAt(1);
    }

    /// <summary>What a snapshot of all its cells has of them; its end has a place of its own there.</summary>
    public IReadOnlyList<SessionPoint> SavedPoints => [.. _points.Where(point => point.Cells < Tokens.Count).Select(static point => new SessionPoint(point.Cells, point.State))];

    /// <summary>What it was at this number of cells, or nothing.</summary>
    public ReadOnlyMemory<byte> StateAt(int cells) => _points.FirstOrDefault(point => point.Cells == cells).State;

    /// <summary>What it takes in memory beside its tokens.</summary>
    public long HeapBytes => State.Length + PointBytes;

    private long PointBytes => _points.Sum(static point => (long)point.State.Length);

    /// <summary>Waits until nothing is saved of it any more: before its cells are cut or its files closed.</summary>
    public void Settle() => TrySettle(Timeout.InfiniteTimeSpan);

    /// <summary>The same, for so long at most.</summary>
    public bool TrySettle(TimeSpan patience) => Saving.IsCompleted || ((IAsyncResult)Saving).AsyncWaitHandle.WaitOne(patience);

    /// <summary>Lets its files go; their cells stay where others, or its name, or the cache keep them.</summary>
    public void CloseFiles(PromptCache? cache)
    {
        Settle();
        if (Session is not null && cache is not null) cache.Close(Session);
        else if (Session is not null) Session.Dispose();
        else Chain?.Dispose();
    }

    /// <summary>Its first tokens are another's, and the states of the past with them; the cells are the caller's matter.</summary>
    public void BeginLike(Conversation parent, int cells, ReadOnlyMemory<byte> state)
    {
        State = state;
        Tokens.AddRange(parent.Tokens.Take(cells));
        foreach (var point in parent.Points.Where(point => point.Cells <= cells)) AddPoint(point);
    }

    /// <summary>Forgets tokens from this one on; their cells are the caller's matter.</summary>
    public void Cut(int tokens)
    {
        Tokens.RemoveRange(tokens, Tokens.Count - tokens);
        _points.RemoveAll(point => point.Cells > tokens);
    }
}
