using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Progress;

namespace Stoker.Tests.Core.Jobs;

public sealed class JobTableTests : IAsyncDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly JobTable _table = new(new JobTableOptions { SubscriptionInterval = TimeSpan.Zero }, TimeProvider.System);

    public ValueTask DisposeAsync() => _table.DisposeAsync();

    [Fact]
    public async Task Start_WorkThatEnds_IsDoneWithItsResultAndProgress()
    {
        var job = _table.Start("pull", "hf:a/b", context =>
        {
            context.Progress.Report(new StageProgress(Stage.Fetch, "f", 7, 7, 1, IsDone: true));
            context.SetResult("hf:a/b:Q4_K_M");
            return Task.CompletedTask;
        });

        var end = await _table.WaitAsync(job.Id, None);
        Assert.Equal((JobState.Done, "pull", "hf:a/b", "hf:a/b:Q4_K_M"), (end.State, end.Kind, end.Title, end.Result));
        Assert.Equal(7, Assert.Single(end.Progress).DoneBytes);
        Assert.NotNull(end.StartedAt);
        Assert.NotNull(end.EndedAt);
    }

    [Fact]
    public async Task Start_WorkThatEnded_IsNotKeptByItsJob()
    {
        var (id, secret) = StartWithSecret();
        await _table.WaitAsync(id, None);
        // The thread that ran it may still be on its way out.
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                return !secret.IsAlive;
            },
            TimeSpan.FromMinutes(1)));
        Assert.Equal(JobState.Done, _table.Get(id)!.State);
    }

    [Fact]
    public async Task Start_WorkThatFails_KeepsKindAndMessage()
    {
        var job = _table.Start("pull", "x", static _ => throw new StokerException(ErrorKind.OutOfSpace, "12 of 10 bytes"));
        var end = await _table.WaitAsync(job.Id, None);
        Assert.Equal(JobState.Failed, end.State);
        Assert.Equal(new JobFailure(ErrorKind.OutOfSpace, "12 of 10 bytes"), end.Failure);
    }

    [Fact]
    public async Task Start_WorkWithADefect_FailsAndTellsTheLog()
    {
        var told = new TaskCompletionSource<(string, Exception)>();
        await using var table = new JobTable(
            new JobTableOptions { OnDefect = (id, exception) => told.SetResult((id, exception)) }, TimeProvider.System);
        var job = table.Start("pull", "x", static _ => throw new FormatException("oops"));
        var end = await table.WaitAsync(job.Id, None);
        Assert.Equal(ErrorKind.Internal, end.Failure!.Kind);
        var (toldId, toldException) = await told.Task;
        Assert.Equal(job.Id, toldId);
        Assert.IsType<FormatException>(toldException);
    }

    [Fact]
    public async Task Cancel_RunningJob_EndsCancelledOnceItsWorkHasEnded()
    {
        var letGo = new TaskCompletionSource();
        var running = new TaskCompletionSource();
        var job = _table.Start("pull", "x", async context =>
        {
            running.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }
            finally
            {
                await letGo.Task;
            }
        });
        await running.Task;

        var asked = _table.Cancel(job.Id);
        Assert.Equal(JobState.Running, asked!.State);
        letGo.SetResult();
        Assert.Equal(JobState.Cancelled, (await _table.WaitAsync(job.Id, None)).State);
        Assert.Equal(JobState.Cancelled, _table.Cancel(job.Id)!.State);
    }

    [Fact]
    public void CancelGetAndWait_UnknownId_SayThatThereIsNone()
    {
        Assert.Null(_table.Cancel("77"));
        Assert.Null(_table.Get("77"));
        var exception = Assert.Throws<StokerException>(() => { _ = _table.WaitAsync("77", None).GetAwaiter().GetResult(); });
        Assert.Equal(ErrorKind.NotFound, exception.Kind);
    }

    [Fact]
    public async Task Start_SameKeyWhileRunning_JoinsTheRunningJob()
    {
        var gate = new TaskCompletionSource();
        var runs = 0;
        Task Work(JobContext context)
        {
            Interlocked.Increment(ref runs);
            return gate.Task;
        }
        var first = _table.Start("pull", "x", Work, ("pull", "x"));
        var second = _table.Start("pull", "x", Work, ("pull", "x"));
        var other = _table.Start("pull", "y", Work, ("pull", "y"));
        Assert.Equal(first.Id, second.Id);
        Assert.NotEqual(first.Id, other.Id);

        gate.SetResult();
        await _table.WaitAsync(first.Id, None);
        await _table.WaitAsync(other.Id, None);
        Assert.Equal(2, runs);
        Assert.NotEqual(first.Id, _table.Start("pull", "x", static _ => Task.CompletedTask, ("pull", "x")).Id);
    }

    [Fact]
    public async Task Start_SameKeyWhileCancelling_WaitsForTheEndOfTheFirst()
    {
        var letGo = new TaskCompletionSource();
        var began = new TaskCompletionSource();
        var secondRan = false;
        var first = _table.Start("pull", "x", async _ => { began.SetResult(); await letGo.Task; }, "x");
        await began.Task;
        _table.Cancel(first.Id);

        var second = _table.Start("pull", "x", _ => { secondRan = true; return Task.CompletedTask; }, "x");
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(JobState.Queued, _table.Get(second.Id)!.State);
        Assert.False(secondRan);
        letGo.SetResult();
        Assert.Equal(JobState.Done, (await _table.WaitAsync(second.Id, None)).State);
    }

    [Fact]
    public async Task SubscribeAsync_OneOfTwoWaitersLeaves_TheJobGoesOn()
    {
        var gate = new TaskCompletionSource();
        var job = _table.Start("pull", "x", _ => gate.Task);
        using var leaving = new CancellationTokenSource();
        var stays = LastAsync(job.Id, None);
        var leaves = LastAsync(job.Id, leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaves);

        gate.SetResult();
        Assert.Equal(JobState.Done, (await stays).State);
    }

    [Fact]
    public async Task SubscribeAsync_ReaderSlowerThanTheJob_NeverBlocksItAndSeesTheLastState()
    {
        const int reports = 100_000;
        var goOn = new TaskCompletionSource();
        var job = _table.Start("pull", "x", async context =>
        {
            await goOn.Task;
            for (var i = 1; i <= reports; i++) context.Progress.Report(new StageProgress(Stage.Fetch, "f", i, reports, 0, i == reports));
        });

        await using var reader = _table.SubscribeAsync(job.Id, None).GetAsyncEnumerator();
        Assert.True(await reader.MoveNextAsync());
        goOn.SetResult();
        await _table.WaitAsync(job.Id, None);
        var seen = 0;
        var last = reader.Current;
        while (await reader.MoveNextAsync()) (seen, last) = (seen + 1, reader.Current);
        Assert.Equal(JobState.Done, last.State);
        Assert.Equal(reports, Assert.Single(last.Progress).DoneBytes);
        Assert.True(seen <= 2, $"{seen} snapshots were kept for a reader that was not reading");
    }

    [Fact]
    public async Task SubscribeAsync_EndedJob_GivesItsFinalStateAndEnds()
    {
        var job = _table.Start("pull", "x", static _ => Task.CompletedTask);
        await _table.WaitAsync(job.Id, None);
        var all = new List<JobSnapshot>();
        await foreach (var snapshot in _table.SubscribeAsync(job.Id, None)) all.Add(snapshot);
        Assert.Equal(JobState.Done, Assert.Single(all).State);
    }

    [Fact]
    public async Task SubscribeAsync_LongInterval_TheEndIsToldAtOnce()
    {
        await using var table = new JobTable(new JobTableOptions { SubscriptionInterval = TimeSpan.FromDays(1) }, TimeProvider.System);
        var gate = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        var job = table.Start("pull", "x", async context =>
        {
            context.Progress.Report(new StageProgress(Stage.Fetch, "f", 1, 2, 0, IsDone: false));
            started.SetResult();
            await gate.Task;
        });
        await started.Task;
        await using var reader = table.SubscribeAsync(job.Id, None).GetAsyncEnumerator();
        await reader.MoveNextAsync();
        gate.SetResult();
        var last = reader.Current;
        while (await reader.MoveNextAsync()) last = reader.Current;
        Assert.Equal(JobState.Done, last.State);
    }

    [Fact]
    public async Task Start_MoreThanMayRun_WaitsInOrder()
    {
        await using var table = new JobTable(new JobTableOptions { MaxRunning = 1 }, TimeProvider.System);
        var gates = Enumerable.Range(0, 3).Select(_ => new TaskCompletionSource()).ToArray();
        var first = table.Start("pull", "0", _ => gates[0].Task);
        await UntilAsync(table, first.Id, JobState.Running);
        var second = table.Start("pull", "1", _ => gates[1].Task);
        Assert.Equal(JobState.Queued, table.Get(second.Id)!.State);

        table.Cancel(second.Id);
        Assert.Equal(JobState.Cancelled, (await table.WaitAsync(second.Id, None)).State);
        var third = table.Start("pull", "2", _ => gates[2].Task);
        gates[0].SetResult();
        await UntilAsync(table, third.Id, JobState.Running);
        gates[2].SetResult();
    }

    [Fact]
    public void Start_MoreThanMayWait_IsBusyWithATimeToRetry()
    {
        var gate = new TaskCompletionSource();
        for (var i = 0; i < new JobTableOptions().MaxActive; i++) _table.Start("pull", $"{i}", _ => gate.Task);
        var exception = Assert.Throws<StokerException>(() => _table.Start("pull", "one more", _ => gate.Task));
        Assert.Equal(ErrorKind.Busy, exception.Kind);
        Assert.NotNull(exception.RetryAfter);
        gate.SetResult();
    }

    [Fact]
    public async Task List_ManyEndedJobs_RemembersTheNewest()
    {
        await using var table = new JobTable(new JobTableOptions { MaxEnded = 5 }, TimeProvider.System);
        string last = "";
        for (var i = 0; i < 20; i++)
        {
            last = table.Start("pull", $"{i}", static _ => Task.CompletedTask).Id;
            await table.WaitAsync(last, None);
        }
        Assert.InRange(table.List().Count, 5, 6);
        Assert.Equal(last, table.List()[0].Id);
    }

    [Fact]
    public async Task DisposeAsync_WithJobs_CancelsThemWaitsAndStartsNoMore()
    {
        var ended = false;
        var began = new TaskCompletionSource();
        var table = new JobTable(new JobTableOptions(), TimeProvider.System);
        table.Start("pull", "x", async context =>
        {
            began.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }
            finally
            {
                await Task.Yield();
                ended = true;
            }
        });
        await began.Task;
        await table.DisposeAsync();
        Assert.True(ended);
        Assert.Equal(ErrorKind.Unavailable, Assert.Throws<StokerException>(() => table.Start("pull", "x", static _ => Task.CompletedTask)).Kind);
    }

    private async Task<JobSnapshot> LastAsync(string id, CancellationToken cancellationToken)
    {
        JobSnapshot? last = null;
        await foreach (var snapshot in _table.SubscribeAsync(id, cancellationToken)) last = snapshot;
        return last!;
    }

    private static async Task UntilAsync(JobTable table, string id, JobState state)
    {
        await foreach (var snapshot in table.SubscribeAsync(id, None))
        {
            if (snapshot.State == state) return;
        }
        Assert.Fail($"Job {id} never was {state}.");
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private (string Id, WeakReference Secret) StartWithSecret()
    {
        var secret = new object();
        var job = _table.Start("pull", "x", async _ =>
        {
            await Task.Yield();
            GC.KeepAlive(secret);
        }, "key");
        return (job.Id, new WeakReference(secret));
    }
}
