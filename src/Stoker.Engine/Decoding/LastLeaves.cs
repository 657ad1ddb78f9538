namespace Stoker.Engine.Decoding;

/// <summary>Does something as soon as all of several have gone, until it is disposed of. What it does may come from any thread.</summary>
public sealed class LastLeaves : IDisposable
{
    private readonly CancellationTokenRegistration[] _leavings;
    private int _waiting;

    /// <param name="cancelled">Of each, when it has gone; at least one.</param>
    /// <param name="act">Called at most once, perhaps at once. Must not wait.</param>
    public LastLeaves(IReadOnlyCollection<CancellationToken> cancelled, Action act)
    {
        _waiting = cancelled.Count;
        _leavings = [.. cancelled.Select(one => one.Register(() =>
        {
            if (Interlocked.Decrement(ref _waiting) == 0) act();
        }))];
    }

    /// <summary>Nothing is done any more after this; it waits for what is being done.</summary>
    public void Dispose()
    {
        foreach (var leaving in _leavings) leaving.Dispose();
    }
}
