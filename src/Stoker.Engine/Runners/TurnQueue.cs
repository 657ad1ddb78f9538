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
    private readonly List<Turn> _inside = [];
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

    /// <summary>How long the one that is inside for longest has been; null: nobody is.</summary>
    public TimeSpan? LongestInside
    {
        get
        {
            lock (_lock) return _inside.Count == 0 ? null : _inside.Max(turn => time.GetElapsedTime(turn.Since));
        }
    }

    /// <summary>Waits for the turn.</summary>
    /// <param name="first">True: before all others, and whatever the number that waits (housekeeping).</param>
    /// <param name="mayShare">
    /// Whether it could come in beside so many others, asked whenever that may have changed; null: it must be alone. It must not call
    /// this queue. What it said may be over when the turn comes: look again.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="revoke">True: those that are inside are told to leave (<see cref="Turn.Revoked"/>).</param>
    /// <exception cref="StokerException">Busy: as many wait as may; RetryAfter is about one answer's time.</exception>
    public async Task<Turn> EnterAsync(bool first, Func<int, bool>? mayShare, CancellationToken cancellationToken, bool revoke = false)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<Waiter> place;
        Turn[] inside;
        lock (_lock)
        {
            inside = revoke ? [.. _inside] : [];
            if (_waiting.Count == 0 && TryAdmit(mayShare) is { } turn) return turn;
            if (!first && _waiting.Count >= capacity) throw Busy();
            var waiter = new Waiter(mayShare);
            place = first ? _waiting.AddFirst(waiter) : _waiting.AddLast(waiter);
        }
        foreach (var turn in inside) await turn.RevokeAsync();
        await using var left = cancellationToken.Register(() => Leave(place, cancellationToken));
        return await place.Value.Turn.Task;
    }

    /// <summary>The turn, alone, if nobody has one, else null.</summary>
    public Turn? TryEnter()
    {
        lock (_lock) return _inside.Count == 0 ? TryAdmit(mayShare: null) : null;
    }

    // Call with the lock.
    private Turn? TryAdmit(Func<int, bool>? mayShare)
    {
        if (_inside.Count == 0) _alone = true;
        else if (_alone || mayShare?.Invoke(_inside.Count) != true) return null;
        var turn = new Turn(this, time.GetTimestamp());
        _inside.Add(turn);
        return turn;
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
            if (_inside.Count > 1 || _waiting.Count > 0) return false;
            return _alone = true;
        }
    }

    private void Release(Turn turn)
    {
        lock (_lock)
        {
            _usualSeconds += (time.GetElapsedTime(turn.Since).TotalSeconds - _usualSeconds) / 8;
            _inside.Remove(turn);
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
        private readonly CancellationTokenSource _revoked = new();
        private int _disposed;

        internal Turn(TurnQueue queue, long since)
        {
            _queue = queue;
            Since = since;
            Revoked = _revoked.Token;
        }

        internal long Since { get; }

        /// <summary>Set when its holder is to leave at once.</summary>
        public CancellationToken Revoked { get; }

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
            if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
            _queue.Release(this);
            _revoked.Dispose();
        }

        internal async Task RevokeAsync()
        {
            try
            {
                await _revoked.CancelAsync();
            }
            catch (ObjectDisposedException)
            {
                // it has left just now
            }
        }
    }
}
