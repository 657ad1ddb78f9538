using Stoker.Core.Errors;
using Stoker.Engine.Runners;

namespace Stoker.Tests.Engine.Runners;

public sealed class TurnQueueTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Enter_OneAtATimeInOrder_WithThoseFirstBefore()
    {
        var queue = new TurnQueue(10, _time);
        var holder = await queue.EnterAsync(first: false, null, TestContext.Current.CancellationToken);
        var order = new List<string>();
        async Task WaitAsync(string name, bool first)
        {
            using var turn = await queue.EnterAsync(first, null, TestContext.Current.CancellationToken);
            lock (order) order.Add(name);
        }
        var all = new[] { WaitAsync("1", false), WaitAsync("2", false), WaitAsync("housekeeping", true) };
        Assert.Null(queue.TryEnter());
        holder.Dispose();
        holder.Dispose(); // twice is once
        await Task.WhenAll(all);
        Assert.Equal(["housekeeping", "1", "2"], order);
        Assert.NotNull(queue.TryEnter());
    }

    [Fact]
    public async Task Enter_ThatRevokes_TellsThoseInside_AndComesNext()
    {
        var queue = new TurnQueue(10, _time);
        var cancellation = TestContext.Current.CancellationToken;
        var first = await queue.EnterAsync(false, static _ => true, cancellation);
        first.Share();
        _time.Advance(TimeSpan.FromSeconds(3));
        var second = await queue.EnterAsync(false, static _ => true, cancellation);
        Assert.Equal(TimeSpan.FromSeconds(3), queue.LongestInside);
        var behind = queue.EnterAsync(false, null, cancellation);
        var entering = queue.EnterAsync(first: true, null, cancellation, revoke: true);
        var late = queue.EnterAsync(false, static _ => true, cancellation);
        Assert.True(first.Revoked.IsCancellationRequested && second.Revoked.IsCancellationRequested);
        first.Dispose();
        Assert.False(entering.IsCompleted);
        second.Dispose();
        var revoker = await entering;
        Assert.False(revoker.Revoked.IsCancellationRequested);
        Assert.False(behind.IsCompleted || late.IsCompleted);
        revoker.Dispose();
        using (var next = await behind) Assert.False(next.Revoked.IsCancellationRequested);
        using (var last = await late) Assert.False(last.Revoked.IsCancellationRequested);
        Assert.Null(queue.LongestInside);
    }

    [Fact]
    public async Task Enter_64Wait_The65thIsRefused()
    {
        var queue = new TurnQueue(64, _time);
        var holder = await queue.EnterAsync(false, null, TestContext.Current.CancellationToken);
        var waiting = Enumerable.Range(0, 64).Select(_ => queue.EnterAsync(false, null, TestContext.Current.CancellationToken)).ToList();
        var error = await Assert.ThrowsAsync<StokerException>(() => queue.EnterAsync(false, null, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorKind.Busy, error.Kind);
        Assert.NotNull(error.RetryAfter);
        holder.Dispose();
        foreach (var next in waiting) (await next).Dispose();
        (await queue.EnterAsync(false, null, TestContext.Current.CancellationToken)).Dispose();
    }

    [Fact]
    public async Task Enter_ManyThatComeGoAndGiveUp_NeverTwoAtOnceAndNeverStuck()
    {
        const int Seed = 3;
        var queue = new TurnQueue(1000, _time);
        var inside = 0;
        var tasks = Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            var random = new Random(Seed + i);
            for (var round = 0; round < 50; round++)
            {
                using var cancel = new CancellationTokenSource();
                if (random.Next(3) == 0) cancel.CancelAfter(TimeSpan.FromMilliseconds(random.NextDouble()));
                try
                {
                    using var turn = await queue.EnterAsync(random.Next(10) == 0, null, cancel.Token);
                    Assert.Equal(1, Interlocked.Increment(ref inside));
                    if (random.Next(4) == 0) await Task.Yield();
                    Interlocked.Decrement(ref inside);
                }
                catch (OperationCanceledException)
                {
                    // left
                }
            }
        })).ToArray();
        await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Equal(0, queue.Waiting);
        Assert.NotNull(queue.TryEnter());
    }

    [Fact]
    public async Task Share_ThoseBehindThatWantTheSame_ComeIn_UpToOneThatMustBeAlone()
    {
        var queue = new TurnQueue(10, _time);
        var cancellation = TestContext.Current.CancellationToken;
        var holder = await queue.EnterAsync(false, static inside => inside < 3, cancellation);
        Assert.True(holder.IsAlone);
        var second = queue.EnterAsync(false, static inside => inside < 3, cancellation);
        var third = queue.EnterAsync(false, static inside => inside < 3, cancellation);
        var fourth = queue.EnterAsync(false, static inside => inside < 3, cancellation);
        Assert.False(second.IsCompleted);
        holder.Share();
        Assert.False((await second).IsAlone);
        await third;
        Assert.False(fourth.IsCompleted); // three are inside
        var alone = queue.EnterAsync(false, null, cancellation);
        var behind = queue.EnterAsync(false, static _ => true, cancellation);
        (await second).Dispose();
        await fourth;
        holder.Dispose();
        (await third).Dispose();
        Assert.False(alone.IsCompleted);
        (await fourth).Dispose();
        Assert.True((await alone).IsAlone);
        Assert.False(behind.IsCompleted); // it waits behind, or the one before it would wait for ever
        (await alone).Dispose();
        Assert.True((await behind).TryBeAlone());
    }

    [Fact]
    public async Task Leave_OneThatHeldUpOthers_LetsThemIn()
    {
        var queue = new TurnQueue(10, _time);
        var holder = await queue.EnterAsync(false, static _ => true, TestContext.Current.CancellationToken);
        holder.Share();
        using var cancel = new CancellationTokenSource();
        var alone = queue.EnterAsync(false, null, cancel.Token);
        var behind = queue.EnterAsync(false, static _ => true, TestContext.Current.CancellationToken);
        Assert.False(behind.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => alone);
        Assert.False((await behind).IsAlone);
    }

    [Fact]
    public void Crashes_ThreeWithinAMinute_AreRefusedUntilTheFirstIsOld()
    {
        var crashes = new CrashRecord(_time);
        for (var i = 0; i < 3; i++)
        {
            crashes.Check("m");
            crashes.Note("m", $"reason {i}");
            _time.Advance(TimeSpan.FromSeconds(10));
        }
        var error = Assert.Throws<StokerException>(() => crashes.Check("m"));
        Assert.Contains("reason 2", error.Message, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(30), error.RetryAfter);
        crashes.Check("other");
        _time.Advance(TimeSpan.FromSeconds(30));
        crashes.Check("m");
        crashes.Note("m", "again");
        Assert.Throws<StokerException>(() => crashes.Check("m")); // the last three lie within a minute once more
    }
}
