using System.Globalization;
using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Tests.Engine.Runners;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>What answers are to each other, on the test's own thread and through real runner processes.</summary>
public sealed class SlotLoopTests : IDisposable
{
    private const string Rules = "You answer in one sentence. You never say more than that, and you are always friendly about it.";

    private readonly RunnerBench _bench = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void LongPrompt_BesideAnAnswer_LeavesItMostOfItsTokens()
    {
        using var rig = new LoopRig("tiny", _bench.Sessions("beside"), contextTokens: 8192);
        var answer = rig.Begin(Prompt(16), tokens: 8000);
        while (answer.Tokens.Count < 8) rig.Step();
        var other = rig.Begin(Prompt(3000), tokens: 1);
        rig.Finish(other);
        Assert.Null(other.Failure ?? answer.Failure);
        // One for each step of the prompt would be 3000 / 128; a token takes a small part of such a step.
        Assert.InRange(other.PromptSteps, 3000 / 129, 3000 / 16);
        Assert.True(answer.Tokens.Count - 8 >= 2 * other.PromptSteps, $"{answer.Tokens.Count - 8} tokens beside {other.PromptSteps} steps of the prompt");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_ThatNobodyWaitsForAnyMore_IsBrokenOff(bool bothLeave)
    {
        using var rig = new LoopRig("tiny", _bench.Sessions("leave"));
        using CancellationTokenSource first = new(), second = new();
        LoopRig.Listener one = new() { Cancelled = first.Token }, other = new() { Cancelled = second.Token };
        rig.Begin(new GenerationRequest { Text = "Something quite different." }, 40, one);
        rig.Begin(new GenerationRequest { Text = Rules }, 40, other);
        rig.Step();
        rig.Step();
        var cells = rig.Table.Kept.Sum(static kept => kept.Tokens.Count);
        other.Asked = () =>
        {
            first.Cancel();
            if (bothLeave) second.Cancel();
        };
        rig.Step();
        Assert.Equal(bothLeave ? cells : cells + 2, rig.Table.Kept.Sum(static kept => kept.Tokens.Count));
        rig.Finish(one, other);
        Assert.Equal(ErrorKind.Cancelled, one.Failure?.Kind);
        Assert.Equal(bothLeave ? ErrorKind.Cancelled : null, other.Failure?.Kind);
    }

    [Fact]
    public async Task CancelledPrompt_GivesItsWorkMemoryBack()
    {
        // So long that it is far from its end even where somebody looks late.
        await using var runner = await LoadedAsync("tiny", "work", contextTokens: 49_152);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        var whileAt = 0L;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var told in runner.GenerateAsync(Prompt(48_000), cancel.Token))
            {
                if (told is not PrefillProgress { DoneTokens: >= 4096 } || cancel.IsCancellationRequested) continue;
                whileAt = RssAnonKiB(runner);
                await cancel.CancelAsync();
            }
        });
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        while (RssAnonKiB(runner) > whileAt - 4096) await Task.Delay(10, patience.Token);
    }

    [Fact]
    public void Rest_AfterAShortPrompt_GivesItsWorkMemoryBackOnce()
    {
        var released = 0;
        using var rig = new LoopRig("tiny", _bench.Sessions("rest"), slots => new FaultySlots(slots, (way, _) =>
        {
            if (way == nameof(KvSlots.ReleaseCompute)) released++;
            return false;
        }));
        Assert.InRange(rig.Say(Rules).Usage!.PromptTokens, 64, 1023);
        Assert.Equal(0, released); // somebody may go on at once
        rig.Rest();
        rig.Rest();
        Assert.Equal(1, released);
        rig.Say("Hi");
        rig.Rest();
        Assert.Equal(1, released); // not worth it
    }

    [Theory]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public async Task AnotherQuestion_OfAModelThatCannotForget_SharesTheRules(string shape)
    {
        await using var ram = await LoadedAsync(shape, "ram", KvMode.Ram);
        var expected = await AskAsync(ram, Chat("Which of the two is the larger one?"));
        await using var runner = await LoadedAsync(shape, "share");
        Assert.Equal(0, (await AskAsync(runner, Chat("What is it called?"))).Usage.CachedTokens);
        var shared = await AskAsync(runner, Chat("Which of the two is the larger one?"));
        Assert.InRange(shared.Usage.CachedTokens, Rules.Length / 8, shared.Usage.PromptTokens - 20);
        Assert.Equal(expected.Hashes, shared.Hashes);

        // What began as a fork has the rules to share too, and so has what comes back from the disk.
        await runner.CloseSessionAsync(null, null, _cancellation);
        var again = await AskAsync(runner, Chat("And which one is the smaller of the two?"));
        Assert.Equal(shared.Usage.CachedTokens, again.Usage.CachedTokens);
        Assert.Equal((await AskAsync(ram, Chat("And which one is the smaller of the two?"))).Hashes, again.Hashes);
    }

    [Theory]
    [InlineData("lfm2t")]
    [InlineData("granitet")]
    public async Task AnotherQuestionAfterAKill_OfAModelThatCannotForget_GoesOnAfterTheRules(string shape)
    {
        var whole = await LoadedAsync(shape, "whole");
        await AskAsync(whole, Chat("What is it called?", "s"));
        var expected = await AskAsync(whole, Chat("Which one is it?", "s"));
        await whole.DisposeAsync();

        var cut = await LoadedAsync(shape, "cut");
        await AskAsync(cut, Chat("What is it called?", "s"));
        await RunnerBench.KillAsync(cut);
        await using var second = await LoadedAsync(shape, "cut");
        var got = await AskAsync(second, Chat("Which one is it?", "s"));
        Assert.True(got.Usage.CachedTokens >= Rules.Length / 8);
        Assert.Equal(expected.Usage.CachedTokens, got.Usage.CachedTokens);
        Assert.Equal(expected.Hashes, got.Hashes);
    }

    private static GenerationRequest Prompt(int tokens) => new()
    {
        Tokens = [.. Enumerable.Range(0, tokens).Select(static at => 300 + (at * 7919 % 3001))],
        MaxTokens = 1,
        IgnoreEos = true,
        Sampling = new SamplingOptions { Temperature = 0 },
    };

    private static GenerationRequest Chat(string question, string? session = null) => new()
    {
        Messages = [new ChatMessage("system", Rules), new ChatMessage("user", question)],
        ChatTemplate = "chatml",
        Session = session,
        MaxTokens = 12,
        IgnoreEos = true,
        LogitHashes = true,
        ReusePrefix = true,
        Sampling = new SamplingOptions { Temperature = 0 },
    };

    private static Task<RunnerBench.Said> AskAsync(Runner runner, GenerationRequest request) => RunnerBench.SayAsync(runner, request);

    private static long RssAnonKiB(Runner runner)
    {
        var line = File.ReadLines($"/proc/{runner.ProcessId}/status").First(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal));
        return long.Parse(line["RssAnon:".Length..^"kB".Length], CultureInfo.InvariantCulture);
    }

    private Task<Runner> LoadedAsync(string shape, string sessions, KvMode kv = KvMode.Ssd, int contextTokens = 2048) =>
        _bench.LoadedAsync(shape, sessions, command => command with { Kv = kv, ContextTokens = contextTokens, PromptCacheBytes = 1L << 30 });
}
