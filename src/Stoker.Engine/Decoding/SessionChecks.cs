using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Requests whose session is being read again, because it was not closed: on other threads, while others are answered. Of the
/// decode thread alone.
/// </summary>
/// <param name="close">Lets a session go that nobody waits for any more.</param>
internal sealed class SessionChecks(Action<OpenSession> close) : IDisposable
{
    private readonly List<Reading> _readings = [];
    private readonly CancellationTokenSource _end = new();

    /// <summary>Nobody waits for one.</summary>
    public bool IsEmpty => _readings.Count == 0;

    /// <summary>Begins to read. The session is held here until it is taken.</summary>
    public void Begin(GenerationRequest request, IAnswerTarget target, OpenSession session) => _readings.Add(new Reading(request, target, session, close, _end.Token));

    /// <summary>Tells the others how far theirs is.</summary>
    /// <param name="ended">One that was read, or could not be: <see cref="Reading.Take"/> says.</param>
    public bool TryTake([NotNullWhen(true)] out Reading? ended)
    {
        ended = _readings.Find(static reading => reading.HasEnded); // before telling: whoever takes it has heard of all that was read
        foreach (var reading in _readings) reading.Tell();
        return ended is not null && _readings.Remove(ended);
    }

    public void Dispose()
    {
        _end.Cancel();
        foreach (var reading in _readings) reading.Abandon();
        _end.Dispose();
    }

    internal sealed class Reading : IProgress<long>
    {
        private readonly OpenSession _session;
        private readonly Action<OpenSession> _close;
        private readonly CancellationTokenSource _stop;
        private readonly Task _task;
        private readonly long _totalBytes;
        private ExceptionDispatchInfo? _failure;
        private long _readBytes;
        private long _toldPercent;
        private bool _hasLeft;

        internal Reading(GenerationRequest request, IAnswerTarget target, OpenSession session, Action<OpenSession> close, CancellationToken end)
        {
            (Request, Target, _session, _close, _totalBytes) = (request, target, session, close, session.DoubtBytes);
            _stop = CancellationTokenSource.CreateLinkedTokenSource(target.Cancelled, end);
            var stop = _stop.Token;
            _task = Task.Run(
                () =>
                {
                    try
                    {
                        session.Check(this, stop);
                    }
                    catch (Exception error)
                    {
                        _failure = ExceptionDispatchInfo.Capture(error); // thrown where it is taken
                    }
                },
                CancellationToken.None);
        }

        public GenerationRequest Request { get; }
        public IAnswerTarget Target { get; }

        /// <summary>The session's; null: it has none.</summary>
        public string? Name => _session.Name;

        internal bool HasEnded => _task.IsCompleted;

        void IProgress<long>.Report(long value) => Volatile.Write(ref _readBytes, value);

        /// <summary>The session, checked. Otherwise it is closed, and this is why.</summary>
        public OpenSession Take()
        {
            try
            {
                _failure?.Throw();
                return _session;
            }
            catch (OperationCanceledException)
            {
                _close(_session); // somebody else may want it
                throw;
            }
            catch
            {
                _session.Dispose();
                throw;
            }
            finally
            {
                _stop.Dispose();
            }
        }

        internal void Tell()
        {
            var read = Math.Min(Volatile.Read(ref _readBytes), _totalBytes);
            var percent = read * 100 / Math.Max(_totalBytes, 1);
            if (_hasLeft || percent == _toldPercent || Target.Cancelled.IsCancellationRequested || !Target.HasRoom) return;
            _toldPercent = percent;
            try
            {
                Target.Tell(new SessionCheckProgress(read, _totalBytes));
            }
            catch (Exception error) when (error is OperationCanceledException or StokerException)
            {
                _hasLeft = true; // at this moment: the reading ends with it, and says so
            }
        }

        internal void Abandon()
        {
            ((IAsyncResult)_task).AsyncWaitHandle.WaitOne();
            _session.Dispose();
            _stop.Dispose();
        }
    }
}
