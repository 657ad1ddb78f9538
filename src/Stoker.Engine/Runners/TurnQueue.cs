using System.Globalization;
using Stoker.Core.Errors;

namespace Stoker.Engine.Runners;

/// <summary>
/// One at a time, in the order they came; so many may wait, more are told when to come back. Thread-safe.
/// </summary>
public sealed class TurnQueue(int capacity, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource<Turn>> _waiting = [];
    private bool _taken;
    private double _usualSeconds = 5;

    /// <summary>How many wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    /// <summary>Waits for the turn.</summary>
    /// <param name="first">True: before all others, and whatever the number that waits (housekeeping).</param>
    /// <exception cref="StokerException">Busy: as many wait as may; RetryAfter is about one answer's time.</exception>
    public async Task<Turn> EnterAsync(bool first, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<TaskCompletionSource<Turn>> place;
        lock (_lock)
        {
            if (!_taken)
            {
                _taken = true;
                return new Turn(this, time.GetTimestamp());
            }
            if (!first && _waiting.Count >= capacity) throw Busy();
            var turn = new TaskCompletionSource<Turn>(TaskCreationOptions.RunContinuationsAsynchronously);
            place = first ? _waiting.AddFirst(turn) : _waiting.AddLast(turn);
        }
        await using var left = cancellationToken.Register(() => Leave(place, cancellationToken));
        return await place.Value.Task;
    }

    /// <summary>The turn if nobody has it, else null.</summary>
    public Turn? TryEnter()
    {
        lock (_lock)
        {
            if (_taken) return null;
            _taken = true;
            return new Turn(this, time.GetTimestamp());
        }
    }

    private void Leave(LinkedListNode<TaskCompletionSource<Turn>> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (place.List is null) return; // its turn came at this moment: whoever gets it gives it back
            _waiting.Remove(place);
        }
        place.Value.TrySetCanceled(cancellationToken);
    }

    private void Release(long since)
    {
        TaskCompletionSource<Turn>? next = null;
        lock (_lock)
        {
            _usualSeconds += (time.GetElapsedTime(since).TotalSeconds - _usualSeconds) / 8;
            if (_waiting.First is { } first)
            {
                next = first.Value;
                _waiting.RemoveFirst();
            }
            else
            {
                _taken = false;
            }
        }
        next?.SetResult(new Turn(this, time.GetTimestamp()));
    }

    private StokerException Busy() => new(
        ErrorKind.Busy,
        string.Create(CultureInfo.InvariantCulture, $"{_waiting.Count} requests are waiting already, the most that may: try again later."))
    {
        RetryAfter = TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(_usualSeconds), 1, 60)),
    };

    /// <summary>The right to load and decode, until disposed.</summary>
    public sealed class Turn : IDisposable
    {
        private readonly TurnQueue _queue;
        private readonly long _since;
        private int _disposed;

        internal Turn(TurnQueue queue, long since)
        {
            _queue = queue;
            _since = since;
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) _queue.Release(_since);
        }
    }
}
