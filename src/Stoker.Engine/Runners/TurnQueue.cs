using System.Globalization;
using Stoker.Core.Errors;

namespace Stoker.Engine.Runners;

/// <summary>
/// Who may change what is loaded, and who may use it. A turn is alone until its holder shares it; then those behind it that want
/// the same come in too, in the order they came. So many may wait, more are told when to come back. Thread-safe.
/// </summary>
public sealed class TurnQueue(int capacity, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiting = [];
    private int _inside;
    private bool _alone;
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
    /// <param name="mayShare">
    /// Whether it could come in beside so many others, asked whenever that may have changed; null: it must be alone. It must not call
    /// this queue. What it said may be over when the turn comes: look again.
    /// </param>
    /// <exception cref="StokerException">Busy: as many wait as may; RetryAfter is about one answer's time.</exception>
    public async Task<Turn> EnterAsync(bool first, Func<int, bool>? mayShare, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<Waiter> place;
        lock (_lock)
        {
            if (_waiting.Count == 0 && TryAdmit(mayShare) is { } turn) return turn;
            if (!first && _waiting.Count >= capacity) throw Busy();
            var waiter = new Waiter(mayShare);
            place = first ? _waiting.AddFirst(waiter) : _waiting.AddLast(waiter);
        }
        await using var left = cancellationToken.Register(() => Leave(place, cancellationToken));
        return await place.Value.Turn.Task;
    }

    /// <summary>The turn, alone, if nobody has one, else null.</summary>
    public Turn? TryEnter()
    {
        lock (_lock) return _inside == 0 ? TryAdmit(mayShare: null) : null;
    }

    // Call with the lock.
    private Turn? TryAdmit(Func<int, bool>? mayShare)
    {
        if (_inside == 0) _alone = true;
        else if (_alone || mayShare?.Invoke(_inside) != true) return null;
        _inside++;
        return new Turn(this, time.GetTimestamp());
    }

    // Call with the lock. Strictly in order: one that must be alone holds up those behind it, or it would wait for ever.
    private void AdmitWaiting()
    {
        while (_waiting.First is { } first && TryAdmit(first.Value.MayShare) is { } turn)
        {
            _waiting.RemoveFirst();
            first.Value.Turn.SetResult(turn);
        }
    }

    private void Leave(LinkedListNode<Waiter> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (place.List is null) return; // its turn came at this moment: whoever gets it gives it back
            _waiting.Remove(place);
            AdmitWaiting(); // it may have held up others
        }
        place.Value.Turn.TrySetCanceled(cancellationToken);
    }

    private void Share()
    {
        lock (_lock)
        {
            _alone = false;
            AdmitWaiting();
        }
    }

    private bool TryBeAlone()
    {
        lock (_lock)
        {
            if (_inside > 1 || _waiting.Count > 0) return false;
            return _alone = true;
        }
    }

    private void Release(long since)
    {
        lock (_lock)
        {
            _usualSeconds += (time.GetElapsedTime(since).TotalSeconds - _usualSeconds) / 8;
            _inside--;
            _alone = false;
            AdmitWaiting();
        }
    }

    private StokerException Busy() => new(
        ErrorKind.Busy,
        string.Create(CultureInfo.InvariantCulture, $"{_waiting.Count} requests are waiting already, the most that may: try again later."))
    {
        RetryAfter = TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(_usualSeconds), 1, 60)),
    };

    private sealed record Waiter(Func<int, bool>? MayShare)
    {
        public TaskCompletionSource<Turn> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The right to decode with what is loaded, and as long as it is alone to change that; until disposed.</summary>
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

        /// <summary>True: nobody else has a turn, and nobody gets one before this is shared or over.</summary>
        public bool IsAlone
        {
            get
            {
                lock (_queue._lock) return _queue._alone;
            }
        }

        /// <summary>Lets those in that may be inside together. It may change nothing any more.</summary>
        public void Share() => _queue.Share();

        /// <summary>Alone again, if nobody else is inside or waits.</summary>
        public bool TryBeAlone() => _queue.TryBeAlone();

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) _queue.Release(_since);
        }
    }
}
