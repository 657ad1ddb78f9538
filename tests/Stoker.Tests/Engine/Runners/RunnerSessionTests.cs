using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Runners;

/// <summary>Named conversations through real runner processes: they go on where they were, whatever happened in between.</summary>
public sealed class RunnerSessionTests : IDisposable
{
    private const int Answer = 40;

    private readonly RunnerBench _bench = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("tiny", KvMode.Ssd)]
    [InlineData("tiny", KvMode.Ram)]
    [InlineData("gemma3t", KvMode.Ssd)]
    [InlineData("lfm2t", KvMode.Ssd)]
    [InlineData("granitet", KvMode.Ssd)]
    public async Task GoingOnAfterAKill_ComputesWhatNeverStoppedDoes(string shape, KvMode kv)
    {
        var whole = await LoadedAsync(shape, kv, "whole");
        await SayAsync(whole, "The first message, long enough to matter.");
        var expected = await SayAsync(whole, "And the second one.");
        await whole.DisposeAsync();

        var first = await LoadedAsync(shape, kv, "cut");
        await SayAsync(first, "The first message, long enough to matter.");
        await RunnerBench.KillAsync(first);
        await using var second = await LoadedAsync(shape, kv, "cut");
        var got = await SayAsync(second, "And the second one.");

        Assert.Equal(expected.Usage.CachedTokens, got.Usage.CachedTokens);
        Assert.InRange(got.Usage.CachedTokens, 40, got.Usage.PromptTokens - 1);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    [Theory]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public async Task RegeneratingAfterAKill_OfAModelThatCannotForget_GoesOnBeforeTheAnswer(string shape)
    {
        var opening = Request("") with { Append = false, Messages = [new ChatMessage("user", "An opening, long enough to be worth keeping.")] };
        var first = await LoadedAsync(shape, KvMode.Ssd, "again");
        await SayAsync(first, opening);
        var expected = await SayAsync(first, opening);
        await RunnerBench.KillAsync(first);
        await using var second = await LoadedAsync(shape, KvMode.Ssd, "again");
        var got = await SayAsync(second, opening);

        Assert.Equal(got.Usage.PromptTokens - 1, got.Usage.CachedTokens);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    [Fact]
    public async Task KilledInTheMiddleOfAnAnswer_GoesOnAtItsLastSnapshot()
    {
        var first = await LoadedAsync("tiny", KvMode.Ssd, "cut");
        await SayAsync(first, "The first message.");
        var tokens = 0;
        await Assert.ThrowsAsync<StokerException>(async () =>
        {
            await foreach (var told in first.GenerateAsync(Request("More, and much of it.") with { MaxTokens = 2000 }, _cancellation))
            {
                if (told is not TokensGenerated || ++tokens != 301) continue;
                // Written beside the answer, which holds still soon while nobody listens.
                await Patience.UntilAsync(() => _bench.Store("cut").Find("s") is { Cells: > 300 }, "no snapshot was written");
                OwnProcess.Signal(first.ProcessId, UnixSignal.Kill);
            }
        });
        await first.DisposeAsync();
        await using var second = await LoadedAsync("tiny", KvMode.Ssd, "cut");
        var got = await SayAsync(second, "Still there?");
        Assert.True(got.Usage.CachedTokens > 256, $"{got.Usage.CachedTokens} cells were kept of an answer of more than 300 tokens");
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("granitet")]
    public async Task Edit_MovesBack_AndComputesWhatANewConversationDoes(string shape)
    {
        await using var runner = await LoadedAsync(shape, KvMode.Ssd, "edit");
        ChatMessage opening = new("user", "An opening that stays as it is, and is long enough to be worth keeping.");
        await SayAsync(runner, Request("") with { Append = false, Messages = [opening] });
        var edited = Request("") with { Append = false, Messages = [opening, new ChatMessage("assistant", "Something else."), new ChatMessage("user", "Go on.")] };
        var got = await SayAsync(runner, edited);
        var fresh = await SayAsync(runner, edited with { Session = null });
        if (shape == "tiny") Assert.True(got.Usage.CachedTokens > 16);
        Assert.Equal(got.Usage.PromptTokens, fresh.Usage.PromptTokens);
        Assert.Equal(fresh.FirstLogProb, got.FirstLogProb, 0.02);

        OwnProcess.Signal(runner.ProcessId, UnixSignal.Kill);
        await runner.Gone; // it holds the session's lock
        await using var again = await LoadedAsync(shape, KvMode.Ssd, "edit");
        Assert.True((await SayAsync(again, "And then?")).Usage.CachedTokens > 40);
    }

    [Fact]
    public async Task Session_IsItsScopesAlone_AnswersOnce_AndIsLetGo()
    {
        await using var runner = await LoadedAsync("tiny", KvMode.Ssd, "scope");
        await SayAsync(runner, "A secret of somebody.");
        Assert.Equal(0, (await SayAsync(runner, Request("A secret of somebody.") with { Scope = "other" })).Usage.CachedTokens);

        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        await using var answering = runner.GenerateAsync(Request("Go on for long.") with { MaxTokens = null }, cancel.Token).GetAsyncEnumerator(_cancellation);
        while (answering.Current is not TokensGenerated) Assert.True(await answering.MoveNextAsync()); // and it is not over as long as nobody listens
        Assert.Equal(ErrorKind.Busy, (await Assert.ThrowsAsync<StokerException>(() => SayAsync(runner, "Me too."))).Kind);
        Assert.Equal(ErrorKind.Busy, (await Assert.ThrowsAsync<StokerException>(() => runner.CloseSessionAsync("s", "", _cancellation))).Kind);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (await answering.MoveNextAsync())
            {
                // what had come by then
            }
        });

        await using var other = await LoadedAsync("tiny", KvMode.Ssd, "scope");
        Assert.Equal(ErrorKind.Busy, (await Assert.ThrowsAsync<StokerException>(() => SayAsync(other, "Mine?"))).Kind);
        await ClosedAsync(runner);
        Assert.True((await SayAsync(other, "Mine now.")).Usage.CachedTokens > 40);
    }

    // As soon as the answer that was broken off has left it.
    private async Task ClosedAsync(Runner runner)
    {
        while (true)
        {
            try
            {
                await runner.CloseSessionAsync("s", "", _cancellation);
                return;
            }
            catch (StokerException busy) when (busy.Kind == ErrorKind.Busy)
            {
                await Task.Delay(5, _cancellation);
            }
        }
    }

    private static Task<RunnerBench.Said> SayAsync(Runner runner, string message) => SayAsync(runner, Request(message));

    private static Task<RunnerBench.Said> SayAsync(Runner runner, GenerationRequest request) => RunnerBench.SayAsync(runner, request);

    private static GenerationRequest Request(string message) => new()
    {
        Messages = [new ChatMessage("user", message)],
        ChatTemplate = "chatml",
        Session = "s",
        Append = true,
        MaxTokens = Answer,
        IgnoreEos = true,
        LogitHashes = true,
        LogProbs = 0,
        Sampling = new SamplingOptions { Temperature = 1, Seed = 5 },
    };

    private Task<Runner> LoadedAsync(string shape, KvMode kv, string sessions) => _bench.LoadedAsync(shape, sessions, command => command with { Kv = kv });
}
