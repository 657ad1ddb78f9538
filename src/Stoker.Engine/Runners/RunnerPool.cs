using System.Globalization;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine.Chat;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Runners;

/// <summary>
/// The loaded model and whose turn it is. Whoever has the turn alone may change what is loaded; requests for what is loaded share
/// it, as many as the model has slots. Idle models are unloaded after their keep-alive, and a runner that ended by itself is
/// cleared away. Thread-safe.
/// </summary>
public sealed class RunnerPool : IAsyncDisposable
{
    // Timers take no more than 49 days; a longer keep-alive is waited for in parts.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly RunnerPoolOptions _options;
    private readonly TimeProvider _time;
    private readonly TurnQueue _turns;
    private readonly CrashRecord _crashes;
    private readonly ITimer _idleTimer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Task> _housekeeping = [];

    // Changed by whoever has the turn, read by anyone, both under _lock.
    private RunningModel? _current;
    private (ModelManifest Manifest, LoadOptions Options)? _loading;
    private int _answering;
    private bool _unloading;
    private (long SinceTimestamp, TimeSpan KeepAlive)? _idle;

    public RunnerPool(RunnerPoolOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        _turns = new TurnQueue(options.QueueLength, time);
        _crashes = new CrashRecord(time);
        _idleTimer = time.CreateTimer(_ => Keep(UnloadIdleAsync()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public RunnerPoolOptions Options => _options;

    /// <summary>Waits for the turn to decode with this model: alone, or beside others while it is loaded and has a slot free.</summary>
    /// <param name="alone">True: only alone, and before those that wait.</param>
    /// <exception cref="StokerException">Busy.</exception>
    public Task<TurnQueue.Turn> EnterAsync(ModelManifest manifest, LoadOptions? asked, bool alone, CancellationToken cancellationToken)
    {
        var options = RequestDefaults.Apply(asked, manifest.Defaults, _options.Load);
        return _turns.EnterAsync(first: alone, alone ? null : inside => Current is { } current && current.Serves(manifest, options, asked) && inside < current.Report.Slots, cancellationToken);
    }

    /// <summary>The loaded model, if its runner lives and it stays. Call with the turn.</summary>
    public RunningModel? Current
    {
        get
        {
            lock (_lock) return !_unloading && _current is { } current && !current.Runner.Gone.IsCompleted ? current : null;
        }
    }

    /// <summary>Says that a model is about to be loaded, for lists. Call with the turn.</summary>
    /// <exception cref="StokerException">Unavailable: it crashed too often just now.</exception>
    public void BeginLoad(ModelManifest manifest, LoadOptions options)
    {
        _crashes.Check(manifest.Name);
        lock (_lock) _loading = (manifest, options);
    }

    /// <summary>Unloads what is loaded. Call alone.</summary>
    public async Task UnloadCurrentAsync()
    {
        RunningModel? current;
        lock (_lock)
        {
            current = _current;
            _unloading = current is not null;
            _idle = null;
        }
        if (current is null) return;
        try
        {
            await current.DisposeAsync();
            _options.Log?.Invoke(current.Manifest.Name, $"Unloaded {current.Manifest.Name} (runner {current.Runner.ProcessId}).");
        }
        finally
        {
            lock (_lock)
            {
                _current = null;
                _unloading = false;
            }
        }
    }

    /// <summary>The load ended: with a model, or null after a failure. Call with the turn.</summary>
    public void EndLoad(RunningModel? loaded)
    {
        lock (_lock)
        {
            _loading = null;
            if (loaded is null) return;
            _current = loaded;
        }
        Keep(WatchAsync(loaded));
    }

    /// <summary>A model was loaded: its line in the log.</summary>
    /// <param name="took">Starting the runner, loading, warming.</param>
    /// <param name="what">Its bytes, how many of them were in memory, and how it is set up.</param>
    public void NoteStart(ModelManifest manifest, LoadedReport report, TimeSpan took, string what, int process) => _options.Log?.Invoke(
        manifest.Name,
        string.Create(CultureInfo.InvariantCulture, $"Loaded {manifest.Name}: {report.Description}, load {took.TotalSeconds:0.00} s ({what}{(report.GpuReason is { } why ? $"; {why}" : "")}), runner {process}."));

    /// <summary>A runner that ended before its model was loaded.</summary>
    public void NoteCrash(ModelManifest manifest, string reason)
    {
        _crashes.Note(manifest.Name, reason);
        _options.Log?.Invoke(manifest.Name, reason);
    }

    /// <summary>An answer begins. Call with the turn.</summary>
    public void BeginAnswer()
    {
        lock (_lock)
        {
            _answering++;
            _idle = null;
        }
    }

    /// <summary>An answer ended, however. Call with the turn, before giving it back.</summary>
    public async Task EndAnswerAsync(TurnQueue.Turn turn, TimeSpan? keepAlive)
    {
        var keep = keepAlive ?? _options.KeepAlive;
        RunningModel? current;
        lock (_lock)
        {
            _answering--;
            current = _current;
            if (current is null) return;
            current.Answers++;
            if (_answering == 0) _idle = keep < TimeSpan.Zero ? null : (_time.GetTimestamp(), keep);
        }
        NoteIfCrashed(current); // before the next one's turn, so that the third crash is the last
        if (keep == TimeSpan.Zero && turn.TryBeAlone()) await UnloadCurrentAsync();
        else if (keep >= TimeSpan.Zero) WakeAfter(keep);
    }

    /// <summary>Unloads a model (null: whatever is loaded) after its running answers, or (<paramref name="now"/>) ends them and its load.</summary>
    public async Task<Unloaded> UnloadAsync(string? model, bool now, CancellationToken cancellationToken)
    {
        int ended;
        lock (_lock)
        {
            if (!IsLoadedAs(model)) return new Unloaded(false, 0);
            ended = now ? _answering + (_loading is null ? 0 : 1) : 0;
        }
        using var turn = await _turns.EnterAsync(first: true, mayShare: null, cancellationToken, revoke: now);
        lock (_lock)
        {
            if (!IsLoadedAs(model)) return new Unloaded(ended > 0, ended);
        }
        await UnloadCurrentAsync();
        return new Unloaded(true, ended);
    }

    /// <summary>Why a request that names options of its own has this model loaded anew, for people; null: it does not.</summary>
    public string? WhyAnew(ModelManifest manifest, LoadOptions? asked)
    {
        if (Current is not { } current || !current.IsOf(manifest)) return null;
        var options = RequestDefaults.Apply(asked, manifest.Defaults, _options.Load);
        if (current.Serves(manifest, options, asked)) return null;
        var differences = string.Join("; ", LoadDifference.Of(current.Options, current.Report, options));
        return $"{manifest.Name} is loaded with {differences}: it is loaded anew{(UnderWay is { } answers ? $" after {answers}" : "")}.";
    }

    /// <summary>The answers that are being given, for people; null: none.</summary>
    public string? UnderWay
    {
        get
        {
            var (since, answers) = (_turns.LongestInside ?? TimeSpan.Zero, 0);
            lock (_lock) answers = _answering;
            var time = string.Create(CultureInfo.InvariantCulture, $"{since.TotalSeconds:0} s");
            return answers switch { 0 => null, 1 => $"the answer under way (for {time})", _ => $"the {answers} answers under way (the first for {time})" };
        }
    }

    public IReadOnlyList<LoadedModel> List()
    {
        var waiting = _turns.Waiting;
        var inside = _turns.LongestInside;
        lock (_lock)
        {
            if (_loading is { } loading)
                return [new LoadedModel { Name = loading.Manifest.Name, State = LoadedState.Loading, Requests = 1 + waiting }];
            if (_current is not { } current || current.Runner.Gone.IsCompleted) return [];
            return
            [
                new LoadedModel
                {
                    Name = current.Manifest.Name,
                    State = _unloading ? LoadedState.Unloading : _answering > 0 ? LoadedState.Answering : LoadedState.Idle,
                    Pid = current.Runner.ProcessId,
                    ContextTokens = current.Report.ContextTokens,
                    Threads = current.Report.Threads,
                    Slots = current.Report.Slots,
                    Kv = current.Report.KvMode,
                    KvReason = current.Report.KvReason,
                    GpuReason = current.Report.GpuReason,
                    ReservedBytes = current.ReservedBytes,
                    Requests = _answering + waiting,
                    Answering = _answering,
                    AnsweringSince = _answering > 0 ? _time.GetUtcNow() - inside : null,
                    UnloadsAt = _idle is { } idle ? _time.GetUtcNow() + Left(idle) : null,
                    Answers = current.Answers,
                },
            ];
        }
    }

    /// <summary>Ends the runner at once, and its answer with it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _idleTimer.DisposeAsync();
        RunningModel? current;
        lock (_lock) current = _current;
        if (current is not null) await current.DisposeAsync();
        Task[] housekeeping;
        lock (_lock) housekeeping = [.. _housekeeping];
        await Task.WhenAll(housekeeping);
        _stop.Dispose();
    }

    private bool IsLoadedAs(string? model)
    {
        var manifest = _current?.Manifest ?? _loading?.Manifest;
        return manifest is not null && (model is null || manifest.Name == model || manifest.Aliases.Contains(model, StringComparer.Ordinal));
    }

    private async Task UnloadIdleAsync()
    {
        using var turn = _turns.TryEnter();
        lock (_lock)
        {
            // Null: an answer is running, and its end sets the clock anew.
            if (_idle is not { } idle) return;
            if (Left(idle) is var left && left > TimeSpan.Zero)
            {
                WakeAfter(left);
                return;
            }
        }
        if (turn is null)
        {
            // Somebody is about to use it, or to leave without using it.
            WakeAfter(TimeSpan.FromSeconds(1));
            return;
        }
        await UnloadCurrentAsync();
    }

    private void WakeAfter(TimeSpan wait) => _idleTimer.Change(wait < LongestWait ? wait : LongestWait, Timeout.InfiniteTimeSpan);

    // By the monotonic clock: a wall clock that is set must neither keep a model for ever nor unload it at once.
    private TimeSpan Left((long SinceTimestamp, TimeSpan KeepAlive) idle) => idle.KeepAlive - _time.GetElapsedTime(idle.SinceTimestamp);

    // Notes a runner's own end, and frees what was held for it as soon as nobody is in the middle of using it.
    private async Task WatchAsync(RunningModel running)
    {
        await running.Runner.Gone;
        if (running.IsUnloading || _stop.IsCancellationRequested) return;
        NoteIfCrashed(running);
        try
        {
            using var turn = await _turns.EnterAsync(first: true, mayShare: null, _stop.Token);
            bool isCurrent;
            lock (_lock) isCurrent = ReferenceEquals(_current, running);
            if (isCurrent) await UnloadCurrentAsync();
        }
        catch (OperationCanceledException)
        {
            // the pool is disposed, and the model with it
        }
    }

    private void NoteIfCrashed(RunningModel running)
    {
        if (running.TryTakeCrash()) NoteCrash(running.Manifest, running.Runner.EndReason);
    }

    private void Keep(Task task)
    {
        lock (_lock) _housekeeping.Add(task);
        _ = task.ContinueWith(
            done =>
            {
                lock (_lock) _housekeeping.Remove(done);
                if (done.Exception is { } error) _options.Log?.Invoke("-", $"Housekeeping failed: {error.GetBaseException().Message}");
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}
