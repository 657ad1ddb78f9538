namespace Stoker.Tests.Engine.Sessions;

/// <summary>Holds up whoever asks for the time next, as a slow disk would.</summary>
internal sealed class HeldClock : TimeProvider
{
    private readonly ManualResetEventSlim _gate = new(initialState: true);
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _armed;

    internal Task Held => _held.Task;

    internal void HoldNext()
    {
        _gate.Reset();
        Volatile.Write(ref _armed, 1);
    }

    internal void LetGo() => _gate.Set();

    public override DateTimeOffset GetUtcNow()
    {
        if (Interlocked.Exchange(ref _armed, 0) == 1)
        {
            _held.SetResult();
            _gate.Wait();
        }
        return base.GetUtcNow();
    }
}
