using System.Collections.Concurrent;
using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Libc;
using Stoker.Tests.Engine.Runners;

namespace Stoker.Tests.Engine;

/// <summary>The engine over real runner processes: waiting, replacing, unloading, crashing.</summary>
public sealed class InferenceEngineTests : IAsyncDisposable
{
    private const int QueueLength = 3;

    private readonly TempFolder _folder = new();
    private readonly ManualTimeProvider _time = new();
    private readonly FileModelSource _source = new();
    private readonly MemoryLedger _ledger;
    private readonly InferenceEngine _engine;
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public InferenceEngineTests()
    {
        _source.Add("a", [TestModels.Tiny]).Add("b", TestModels.TinySplit);
        _ledger = new MemoryLedger(new FixedGauge());
        var options = new RunnerPoolOptions { Start = TestModels.Start(_folder), QueueLength = QueueLength, Load = new LoadOptions { ContextTokens = 512, Threads = 1 } };
        _engine = new InferenceEngine(_source, _ledger, options, _time);
    }

    public async ValueTask DisposeAsync()
    {
        var pids = _engine.ListLoaded().Select(static model => model.Pid).OfType<int>().ToArray();
        await _engine.DisposeAsync();
        foreach (var pid in pids) Assert.False(OwnProcess.Signal(pid, UnixSignal.None), "a runner outlived the engine");
        Assert.Equal(0, _source.Held);
        Assert.Empty(_ledger.Leases);
        _folder.Dispose();
    }

    [Fact]
    public async Task FirstRequest_LoadsAndTellsTheStagesInOrder()
    {
        var stages = new List<StageProgress>();
        var text = await AnswerAsync("a", progress: new Recorder(stages));
        Assert.NotEmpty(text);
        Assert.Equal([Stage.Verify, Stage.MakeRoom, Stage.Load, Stage.Prefill, Stage.FirstToken], stages.Where(static stage => stage.IsDone).Select(static stage => stage.Stage));
        var loaded = Assert.Single(_engine.ListLoaded());
        Assert.Equal(("a", LoadedState.Idle, 512, 1L), (loaded.Name, loaded.State, loaded.ContextTokens, loaded.Answers));
        Assert.True(loaded.ReservedBytes > 1 << 20);
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromMinutes(5), loaded.UnloadsAt);
    }

    [Fact]
    public async Task SameModel_IsNotLoadedAgain_OtherOptionsOrModelAre()
    {
        await AnswerAsync("a");
        var first = Pid();
        await AnswerAsync("a");
        Assert.Equal(first, Pid());
        await AnswerAsync("a", load: new LoadOptions { ContextTokens = 1024 });
        var second = Pid();
        Assert.NotEqual(first, second);
        await AnswerAsync("a"); // asks for nothing of its own: any will do
        Assert.Equal(second, Pid());
        await AnswerAsync("b");
        Assert.Equal("b", Assert.Single(_engine.ListLoaded()).Name);
        Assert.False(OwnProcess.Signal(first, UnixSignal.None));
        Assert.False(OwnProcess.Signal(second, UnixSignal.None));
        Assert.Single(_ledger.Leases);
    }

    [Fact]
    public async Task FileReplacedUnderItsPath_IsLoadedAgain()
    {
        var path = _folder.File("mine.gguf");
        File.Copy(TestModels.Tiny, path);
        _source.Add("mine", [path]);
        await AnswerAsync("mine");
        var first = Pid();
        File.Copy(TestModels.Tiny, path + ".new");
        File.SetLastWriteTimeUtc(path + ".new", DateTime.UnixEpoch);
        File.Move(path + ".new", path, overwrite: true);
        await AnswerAsync("mine");
        Assert.NotEqual(first, Pid());
        await _engine.UnloadAsync(null, now: false, _cancellation);
        File.Delete(path);
    }

    [Fact]
    public async Task Queue_KeepsTheOrder_AndRefusesOneTooMany()
    {
        var running = await StartedAsync("a");
        var order = new List<int>();
        var waiting = Enumerable.Range(0, QueueLength).Select(async i =>
        {
            // Told in its own turn: what comes after it may be held up for longer than the next one takes.
            await AnswerAsync(i % 2 == 0 ? "b" : "a", progress: new Recorder([], stage =>
            {
                if (stage is not { Stage: Stage.FirstToken, IsDone: true }) return;
                lock (order) order.Add(i);
            }));
        }).ToArray();
        Assert.Equal(1 + QueueLength, Assert.Single(_engine.ListLoaded()).Requests);

        var error = await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("a"));
        Assert.Equal(ErrorKind.Busy, error.Kind);
        Assert.InRange(error.RetryAfter!.Value.TotalSeconds, 1, 60);

        await running.DisposeAsync();
        await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(60), _cancellation);
        Assert.Equal(Enumerable.Range(0, QueueLength), order);
    }

    [Fact]
    public async Task WaitingClientThatLeaves_MakesRoom()
    {
        var running = await StartedAsync("a");
        using var leave = new CancellationTokenSource();
        var left = AnswerAsync("b", cancellationToken: leave.Token); // another model: beside "a" it may be answered before it leaves
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        Assert.Equal(1, Assert.Single(_engine.ListLoaded()).Requests);
        await running.DisposeAsync();
        await AnswerAsync("a");
    }

    [Fact]
    public async Task KeepAlive_UnloadsIdleModels()
    {
        await AnswerAsync("a", keepAlive: TimeSpan.Zero);
        Assert.Empty(_engine.ListLoaded());
        await AnswerAsync("a", keepAlive: TimeSpan.FromSeconds(-1));
        _time.Advance(TimeSpan.FromDays(10));
        Assert.Null(Assert.Single(_engine.ListLoaded()).UnloadsAt);
        await AnswerAsync("a");
        var pid = Pid();
        _time.Advance(TimeSpan.FromMinutes(4.9));
        Assert.NotEmpty(_engine.ListLoaded());
        await AnswerAsync("a"); // sets the clock anew
        _time.Advance(TimeSpan.FromMinutes(4.9));
        Assert.NotEmpty(_engine.ListLoaded());
        _time.Advance(TimeSpan.FromMinutes(0.2));
        await GoneAsync(pid);
        await ClearedAsync();
        Assert.Empty(_engine.ListLoaded());
        Assert.Equal(0, _source.Held);
    }

    [Fact]
    public async Task KeepAlive_LongerThanATimerCanWait_IsWaitedForInParts()
    {
        await AnswerAsync("a", keepAlive: TimeSpan.FromDays(60));
        var pid = Pid();
        Assert.Equal(_time.GetUtcNow().AddDays(60), Assert.Single(_engine.ListLoaded()).UnloadsAt);
        _time.Advance(TimeSpan.FromDays(59.5));
        Assert.NotEmpty(_engine.ListLoaded());
        _time.Advance(TimeSpan.FromDays(0.6));
        await GoneAsync(pid);
        await ClearedAsync();
    }

    [Fact]
    public async Task Unload_WaitsForTheRunningAnswer_NotForThoseThatWait()
    {
        var running = await StartedAsync("a");
        var next = AnswerAsync("b");
        var unload = _engine.UnloadAsync("a", now: false, _cancellation);
        Assert.False(unload.IsCompleted);
        await running.DisposeAsync();
        Assert.Equal(new Unloaded(true, 0), await unload);
        await next;
        Assert.False((await _engine.UnloadAsync("a", now: false, _cancellation)).WasLoaded);
        Assert.True((await _engine.UnloadAsync(null, now: false, _cancellation)).WasLoaded);
        Assert.Empty(_engine.ListLoaded());
    }

    [Fact]
    public async Task UnloadNow_EndsRunningAnswersWithAKindOfTheirOwn_AndTheNextGoOn()
    {
        var (one, two) = (await StartedAsync("a"), await StartedAsync("a"));
        var loaded = Assert.Single(_engine.ListLoaded());
        Assert.Equal((2, _time.GetUtcNow()), (loaded.Answering, loaded.AnsweringSince));
        var next = AnswerAsync("b");
        var unload = _engine.UnloadAsync("a", now: true, _cancellation);
        foreach (var answer in new[] { one, two })
        {
            var error = await Assert.ThrowsAsync<StokerException>(() => LastAsync(answer));
            Assert.Equal(ErrorKind.Cancelled, error.Kind);
            Assert.Contains("stop --now", error.Message, StringComparison.Ordinal);
            await answer.DisposeAsync();
        }
        Assert.Equal(new Unloaded(true, 2), await unload);
        await next;
        Assert.Equal(new Unloaded(true, 0), await _engine.UnloadAsync(null, now: true, _cancellation));
        Assert.Equal(new Unloaded(false, 0), await _engine.UnloadAsync(null, now: true, _cancellation));
    }

    [Fact]
    public async Task UnloadNow_DuringALoad_EndsTheLoad()
    {
        Task<Unloaded>? unload = null;
        var progress = new Recorder([], stage =>
        {
            if (stage is { Stage: Stage.Load, IsDone: false }) unload ??= _engine.UnloadAsync("a", now: true, _cancellation);
        });
        Assert.Equal(ErrorKind.Cancelled, (await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("a", progress: progress))).Kind);
        Assert.Equal(new Unloaded(true, 1), await unload!);
        Assert.Empty(_engine.ListLoaded());
        Assert.Empty(_ledger.Leases);
        await AnswerAsync("a");
    }

    [Fact]
    public async Task OtherOptions_AreToldWithTheAnswersThatAreWaitedFor_SameOnesAreNot()
    {
        var running = await StartedAsync("a");
        var stages = new List<StageProgress>();
        var reloading = AnswerAsync("a", load: new LoadOptions { ContextTokens = 1024 }, progress: new Recorder(stages));
        Assert.False(reloading.IsCompleted);
        var told = Assert.Single(stages);
        Assert.Equal("a is loaded with --ctx 512, not 1024: it is loaded anew after the answer under way (for 0 s).", told.Warning);
        Assert.Equal((Stage.Wait, false, "for the answer under way (for 0 s)"), (told.Stage, told.IsDone, told.Note));
        Assert.True(await running.MoveNextAsync()); // it is not broken off
        await running.DisposeAsync();
        await reloading;
        var pid = Pid();
        stages.Clear();
        await AnswerAsync("a", load: new LoadOptions { ContextTokens = 1024 }, progress: new Recorder(stages));
        await AnswerAsync("a", progress: new Recorder(stages));
        Assert.Equal(pid, Pid());
        Assert.DoesNotContain(stages, static stage => stage.Stage == Stage.Wait || stage.Warning is not null);
    }

    [Fact]
    public async Task Kill_EndsThatRequest_TheNextStartsAnew_TheThirdCrashIsTheLast()
    {
        for (var crash = 1; crash <= 3; crash++)
        {
            var error = await KillWhileAnsweringAsync();
            Assert.Equal(ErrorKind.Unavailable, error.Kind);
            Assert.Contains("signal 9", error.Message, StringComparison.Ordinal);
        }
        var refused = await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("a"));
        Assert.Equal(ErrorKind.Unavailable, refused.Kind);
        Assert.Contains("3 times", refused.Message, StringComparison.Ordinal);
        Assert.Contains("signal 9", refused.Message, StringComparison.Ordinal);
        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 1, 60);
        _time.Advance(TimeSpan.FromSeconds(61));
        await AnswerAsync("a");
    }

    [Fact]
    public async Task LibraryThatIsNotThere_IsToldEveryTime_AndIsNoCrash()
    {
        var options = new RunnerPoolOptions { Start = TestModels.Start(_folder) with { LlamaDirectory = "/nonexistent" } };
        await using var engine = new InferenceEngine(_source, _ledger, options, _time);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            var error = await Assert.ThrowsAsync<StokerException>(async () =>
            {
                var request = new GenerationRequest { Text = "Hello" };
                await foreach (var _ in engine.GenerateAsync("a", request, new GenerationContext(CallerTrust.Owner), _cancellation)) Assert.Fail("it answered");
            });
            Assert.Equal(ErrorKind.Unavailable, error.Kind);
            Assert.Contains("/nonexistent", error.Message, StringComparison.Ordinal);
            Assert.Null(error.RetryAfter);
        }
    }

    [Fact]
    public async Task CheckThatFails_AndLayersWithoutAGpu_AreToldInLogListAndStages()
    {
        _source.Add("narrow", [TestModels.OfShapeOnce("narrowt")]); // whose pages hold no whole rows of 256 cells
        var (lines, stages, home) = (new ConcurrentQueue<string>(), new List<StageProgress>(), _folder.File("sessions"));
        var load = new LoadOptions { ContextTokens = 256, Threads = 1, GpuLayers = 5 };
        var options = new RunnerPoolOptions { Start = TestModels.Start(_folder), Load = load, SessionsFolder = home, Log = (_, line) => lines.Enqueue(line) };
        await using (var engine = new InferenceEngine(_source, _ledger, options, _time))
        {
            var request = new GenerationRequest { Text = "Hello", MaxTokens = 4, IgnoreEos = true };
            var events = 0;
            await foreach (var _ in engine.GenerateAsync("narrow", request, new GenerationContext(CallerTrust.Owner, new Recorder(stages)), _cancellation)) events++;
            Assert.True(events > 2);
            var loaded = Assert.Single(engine.ListLoaded());
            Assert.Equal(KvMode.Ram, loaded.Kv);
            Assert.Contains("does not fill whole pages", loaded.KvReason, StringComparison.Ordinal);
            Assert.Contains("--ngl is without effect", loaded.GpuReason, StringComparison.Ordinal);
        }
        var started = Assert.Single(stages, static stage => stage is { Stage: Stage.Load, IsDone: true });
        var line = Assert.Single(lines, static line => line.StartsWith("Loaded narrow", StringComparison.Ordinal));
        foreach (var told in new[] { started.Note!, line })
        {
            Assert.Contains("does not fill whole pages", told, StringComparison.Ordinal);
            Assert.Matches("(warm|cold) pages|% of the pages warm", told);
        }
        Assert.Equal(new FileInfo(TestModels.OfShapeOnce("narrowt")).Length, started.DoneBytes);
        Assert.Contains("--ngl is without effect", started.Warning, StringComparison.Ordinal);
        Assert.Contains("--ngl is without effect", line, StringComparison.Ordinal);
        Assert.Matches(@"load \d+\.\d\d s \(\d[\d.]* [KM]iB, ", line);
        Directory.Delete(home, recursive: true);
    }

    [Fact]
    public async Task KilledWhileIdle_IsClearedAway_AndTheNextRequestLoads()
    {
        await AnswerAsync("a");
        var pid = Pid();
        OwnProcess.Signal(pid, UnixSignal.Kill);
        await GoneAsync(pid);
        await ClearedAsync(); // without anyone asking
        await AnswerAsync("a");
        Assert.NotEqual(pid, Pid());
        Assert.Single(_ledger.Leases);
    }

    [Fact]
    public async Task StuckRunner_IsKilledAMinuteAfterItsClientLeft()
    {
        var answer = await StartedAsync("a");
        var pid = Pid();
        OwnProcess.Signal(pid, UnixSignal.Stop);
        await answer.DisposeAsync();
        var next = AnswerAsync("a");
        _time.Advance(TimeSpan.FromSeconds(61));
        await GoneAsync(pid);
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<StokerException>(() => next)).Kind);
        await AnswerAsync("a");
    }

    [Fact]
    public async Task NoMemory_IsRefusedWithTheNumbers_AndNothingIsHeld()
    {
        _source.Add("huge", [TestModels.Tiny], new ModelDefaults { ContextTokens = 100_000_000 });
        var error = await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("huge"));
        Assert.Equal(ErrorKind.OutOfMemory, error.Kind);
        Assert.Contains("GiB", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _source.Held);
        await AnswerAsync("a");
    }

    [Fact]
    public async Task FilesThatCannotGenerate_AreRefusedBeforeARunnerStarts()
    {
        var broken = _folder.File("broken.gguf");
        await File.WriteAllBytesAsync(broken, (await File.ReadAllBytesAsync(TestModels.Tiny, _cancellation))[..5000], _cancellation);
        _source.Add("words", [TestModels.Vocabulary("gpt-2.gguf")]).Add("broken", [broken]);
        Assert.Equal(ErrorKind.Unsupported, (await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("words"))).Kind);
        Assert.Equal(ErrorKind.Corrupt, (await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("broken"))).Kind);
        Assert.Equal(ErrorKind.NotFound, (await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("nobody"))).Kind);
        Assert.Empty(_engine.ListLoaded());
        File.Delete(broken);
    }

    [Fact]
    public async Task CancelDuringLoad_LeavesNothingBehind()
    {
        using var cancel = new CancellationTokenSource();
        var progress = new Recorder([], stage =>
        {
            if (stage is { Stage: Stage.Load, IsDone: false }) cancel.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AnswerAsync("a", progress: progress, cancellationToken: cancel.Token));
        Assert.Empty(_engine.ListLoaded());
        Assert.Empty(_ledger.Leases);
        Assert.Equal(0, _source.Held);
        await AnswerAsync("a");
    }

    [Fact]
    public async Task PublishersDefaults_CountWhereTheRequestSaysNothing()
    {
        _source.Add("greedy", [TestModels.Tiny], new ModelDefaults { Temperature = 0, ContextTokens = 256 });
        var request = new GenerationRequest { Text = "Hello", MaxTokens = 8, IgnoreEos = true };
        Assert.Equal(await AnswerAsync("greedy", request: request), await AnswerAsync("greedy", request: request));
        Assert.Equal(256, Assert.Single(_engine.ListLoaded()).ContextTokens);
    }

    private int Pid() => Assert.Single(_engine.ListLoaded()).Pid!.Value;

    private async Task<string> AnswerAsync(
        string model, LoadOptions? load = null, TimeSpan? keepAlive = null, IProgress<StageProgress>? progress = null, GenerationRequest? request = null, CancellationToken? cancellationToken = null)
    {
        request ??= new GenerationRequest { Text = "Hello", MaxTokens = 4, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 1 } };
        var context = new GenerationContext(CallerTrust.Owner, progress) { Load = load, KeepAlive = keepAlive };
        var text = "";
        await foreach (var told in _engine.GenerateAsync(model, request, context, cancellationToken ?? _cancellation))
        {
            if (told is TokensGenerated tokens) text += tokens.Text;
        }
        return text;
    }

    // An answer that has begun and goes on until it is disposed.
    private async Task<IAsyncEnumerator<GenerationEvent>> StartedAsync(string model)
    {
        var request = new GenerationRequest { Text = "Hello", IgnoreEos = true };
        var answer = _engine.GenerateAsync(model, request, new GenerationContext(CallerTrust.Owner), _cancellation).GetAsyncEnumerator(_cancellation);
        Assert.True(await answer.MoveNextAsync());
        return answer;
    }

    private async Task<StokerException> KillWhileAnsweringAsync()
    {
        await using var answer = await StartedAsync("a");
        OwnProcess.Signal(Pid(), UnixSignal.Kill);
        return await Assert.ThrowsAsync<StokerException>(() => LastAsync(answer));
    }

    private static async Task LastAsync(IAsyncEnumerator<GenerationEvent> answer)
    {
        while (await answer.MoveNextAsync())
        {
            // until it breaks off
        }
    }

    private static async Task GoneAsync(int pid)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (OwnProcess.Signal(pid, UnixSignal.None)) await Task.Delay(10, limit.Token);
    }

    private async Task ClearedAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (_ledger.Leases.Count > 0) await Task.Delay(10, limit.Token);
    }

    private sealed class FixedGauge : IMemoryGauge
    {
        public MachineMemory Read() => new(8L << 30, 6L << 30, "the machine");
    }

    private sealed class Recorder(List<StageProgress> stages, Action<StageProgress>? also = null) : IProgress<StageProgress>
    {
        public void Report(StageProgress value)
        {
            lock (stages) stages.Add(value);
            also?.Invoke(value);
        }
    }
}
