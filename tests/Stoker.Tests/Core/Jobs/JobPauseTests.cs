using Stoker.Core.Errors;
using Stoker.Core.Jobs;

namespace Stoker.Tests.Core.Jobs;

public sealed class JobPauseTests : IAsyncDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly JobTable _table = new(new JobTableOptions { MaxRunning = 1, SubscriptionInterval = TimeSpan.Zero }, TimeProvider.System);

    public ValueTask DisposeAsync() => _table.DisposeAsync();

    [Fact]
    public async Task Pause_ARunningJob_StopsItsWorkAndGivesItsPlaceAway_ResumeBeginsItAgain()
    {
        var work = new Work();
        var job = _table.Start("pull", "x", work.RunAsync);
        await work.Begun(1);
        _table.Pause(job.Id);
        await UntilAsync(job.Id, JobState.Paused);

        var other = _table.Start("pull", "y", static _ => Task.CompletedTask);
        Assert.Equal(JobState.Done, (await _table.WaitAsync(other.Id, None)).State);
        Assert.Equal(1, work.Count);

        _table.Resume(job.Id);
        await work.Begun(2);
        work.Finish();
        Assert.Equal(JobState.Done, (await _table.WaitAsync(job.Id, None)).State);
    }

    [Fact]
    public async Task Pause_AJobThatWaitsForAPlace_KeepsItFromBeginning()
    {
        var first = new Work();
        var running = _table.Start("pull", "x", first.RunAsync);
        await first.Begun(1);
        var second = new Work();
        var waiting = _table.Start("pull", "y", second.RunAsync);
        _table.Pause(waiting.Id);
        await UntilAsync(waiting.Id, JobState.Paused);
        first.Finish();
        await _table.WaitAsync(running.Id, None);
        Assert.Equal((JobState.Paused, 0), (_table.Get(waiting.Id)!.State, second.Count));
        second.Finish();
        _table.Resume(waiting.Id);
        Assert.Equal(JobState.Done, (await _table.WaitAsync(waiting.Id, None)).State);
    }

    [Fact]
    public async Task Cancel_APausedJob_EndsIt()
    {
        var work = new Work();
        var job = _table.Start("pull", "x", work.RunAsync);
        await work.Begun(1);
        _table.Pause(job.Id);
        await UntilAsync(job.Id, JobState.Paused);
        _table.Cancel(job.Id);
        Assert.Equal(JobState.Cancelled, (await _table.WaitAsync(job.Id, None)).State);
    }

    [Fact]
    public async Task Start_TheSameWorkAgain_ResumesThePausedJob()
    {
        var work = new Work();
        var job = _table.Start("pull", "x", work.RunAsync, key: "k");
        await work.Begun(1);
        _table.Pause(job.Id);
        await UntilAsync(job.Id, JobState.Paused);
        Assert.Equal(job.Id, _table.Start("pull", "x", static _ => throw new InvalidOperationException(), key: "k").Id);
        await work.Begun(2);
        work.Finish();
        Assert.Equal(JobState.Done, (await _table.WaitAsync(job.Id, None)).State);
    }

    [Fact]
    public async Task Pause_ManyTimesInARow_EveryStretchIsOneAndTheJobEnds()
    {
        var work = new Work();
        var job = _table.Start("pull", "x", work.RunAsync);
        for (var stretch = 1; stretch <= 50; stretch++)
        {
            await work.Begun(stretch);
            _table.Pause(job.Id);
            _table.Pause(job.Id);
            if (stretch % 2 == 0) await UntilAsync(job.Id, JobState.Paused);
            _table.Resume(job.Id);
        }
        await work.Begun(51);
        work.Finish();
        Assert.Equal(JobState.Done, (await _table.WaitAsync(job.Id, None)).State);
        Assert.Equal(51, work.Count);
    }

    [Fact]
    public async Task Pause_WorkThatFailsInstead_IsAFailure()
    {
        var begun = new TaskCompletionSource();
        var job = _table.Start("pull", "x", async context =>
        {
            begun.SetResult();
            var stop = new TaskCompletionSource();
            await using var told = context.CancellationToken.Register(stop.SetResult);
            await stop.Task;
            throw new StokerException(ErrorKind.OutOfSpace, "full");
        });
        await begun.Task;
        _table.Pause(job.Id);
        Assert.Equal(ErrorKind.OutOfSpace, (await _table.WaitAsync(job.Id, None)).Failure!.Kind);
    }

    [Fact]
    public async Task PauseAndResume_EndedOrUnknown_ChangeNothing()
    {
        var job = _table.Start("pull", "x", static _ => Task.CompletedTask);
        await _table.WaitAsync(job.Id, None);
        Assert.Equal(JobState.Done, _table.Pause(job.Id)!.State);
        Assert.Equal(JobState.Done, _table.Resume(job.Id)!.State);
        Assert.Null(_table.Pause("none"));
        Assert.Null(_table.Resume("none"));
    }

    [Fact]
    public async Task Dispose_WithAPausedJob_Ends()
    {
        var work = new Work();
        var job = _table.Start("pull", "x", work.RunAsync);
        await work.Begun(1);
        _table.Pause(job.Id);
        await UntilAsync(job.Id, JobState.Paused);
        await _table.DisposeAsync();
        Assert.Equal(JobState.Cancelled, _table.Get(job.Id)!.State);
    }

    private async Task UntilAsync(string id, JobState state)
    {
        await foreach (var snapshot in _table.SubscribeAsync(id, TestContext.Current.CancellationToken))
        {
            if (snapshot.State == state) return;
        }
        Assert.Fail($"The job ended without being {state}.");
    }

    /// <summary>Work that goes on until it is told to stop, by its token or by the test.</summary>
    private sealed class Work
    {
        private readonly SemaphoreSlim _begun = new(0);
        private readonly TaskCompletionSource _finish = new();
        private int _count;

        internal int Count => _count;

        internal void Finish() => _finish.SetResult();

        internal async Task Begun(int times)
        {
            while (_count < times) await _begun.WaitAsync(TestContext.Current.CancellationToken);
        }

        internal Task RunAsync(JobContext context)
        {
            Interlocked.Increment(ref _count);
            _begun.Release();
            return _finish.Task.WaitAsync(context.CancellationToken);
        }
    }
}
