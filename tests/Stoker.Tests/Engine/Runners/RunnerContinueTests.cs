using System.Text.Json.Nodes;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Tests.Engine.Sessions;

namespace Stoker.Tests.Engine.Runners;

/// <summary>Answers that were broken off go on in another process, with the tokens that they would have had.</summary>
public sealed class RunnerContinueTests : IDisposable
{
    /// <summary>Snapshots lie at 257 of them and at 513; an answer that nobody listens to is at most 320 events ahead.</summary>
    private const int WholeAnswer = 1000;

    private const int HeardBeforeTheKill = 265;

    private const int SavedBeforeTheKill = 256;

    private readonly RunnerBench _bench = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("tiny", KvMode.Ssd)]
    [InlineData("tiny", KvMode.Ram)]
    [InlineData("gemma3t", KvMode.Ssd)]
    [InlineData("lfm2t", KvMode.Ssd)]
    [InlineData("granitet", KvMode.Ssd)]
    public async Task KilledInTheMiddle_GoesOnWithTheTokensThatItWouldHaveHad(string shape, KvMode kv)
    {
        var whole = await WholeAsync(shape, kv, Request("More, and much of it."));
        await KillAsync(shape, kv, Request("More, and much of it."));
        Assert.True(Summary("cut").IsUnfinished);
        RunnerBench.Said got;
        await using (var second = await LoadedAsync(shape, kv, "cut")) got = await SayAsync(second, Continue);

        Assert.InRange(got.Hashes.Count, 64, WholeAnswer - 257);
        Assert.Equal(whole.Hashes.TakeLast(got.Hashes.Count), got.Hashes);
        Assert.Equal(got.Usage.PromptTokens - 1, got.Usage.CachedTokens);
        Assert.Equal(whole.Usage.Seed, got.Usage.Seed);
        Assert.Equal([("user", "More, and much of it."), ("assistant", whole.Text)], Kept("cut"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task KilledInTheMiddle_StopStringsGrammarAndPenalties_AreThoseThatItBeganWith(bool repeats)
    {
        var asked = Request("More, and much of it.") with
        {
            Stop = ["ab cd ab cd ab cd ab cd ab cd ab cd", "zzzz"],
            Grammar = "root ::= (\"ab \" | \"cd \")+",
            Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 7, RepeatPenalty = repeats ? 1 : 1.1f, FrequencyPenalty = 0.1f, TopK = 0 },
        };
        var whole = await WholeAsync("tiny", KvMode.Ssd, asked);
        await KillAsync("tiny", KvMode.Ssd, asked);
        await using (var second = await LoadedAsync("tiny", KvMode.Ssd, "cut"))
        {
            var got = await SayAsync(second, Continue);
            Assert.Equal(whole.Hashes.TakeLast(got.Hashes.Count), got.Hashes);
        }
        Assert.Matches("^(ab |cd )+(a|c|ab|cd)?$", whole.Text);
        Assert.Equal(whole.Text, Kept("cut")[^1].Content);
    }

    [Fact]
    public async Task CutClient_GoesOnInTheSameRunner_ThenAtItsLength_ThenIsComplete()
    {
        await using var runner = await LoadedAsync("tiny", KvMode.Ssd, "cut");
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        var heard = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var told in runner.GenerateAsync(Request("More.") with { MaxTokens = 200 }, cancel.Token))
            {
                if (told is TokensGenerated && ++heard == 100) await cancel.CancelAsync();
            }
        });
        // The second may come before the first is gone.
        RunnerBench.Said rest;
        while (true)
        {
            try
            {
                rest = await SayAsync(runner, Continue);
                break;
            }
            catch (StokerException busy) when (busy.Kind == ErrorKind.Busy)
            {
            }
        }
        Assert.InRange(rest.Hashes.Count, 1, 100);
        var more = await SayAsync(runner, Continue with { MaxTokens = 50 });
        Assert.Equal(FinishReason.Length, more.Reason);

        // What one answer of that length says, two halves say.
        var whole = await WholeAsync("tiny", KvMode.Ssd, Request("More.") with { MaxTokens = 250 });
        Assert.Equal(whole.Hashes.TakeLast(50), more.Hashes);

        var stopped = await SayAsync(runner, Request("And now?") with { Grammar = "root ::= \"so\"", IgnoreEos = false });
        Assert.Equal(FinishReason.Stop, stopped.Reason);
        var refused = await Assert.ThrowsAsync<StokerException>(() => SayAsync(runner, Continue));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains("complete", refused.Message, StringComparison.Ordinal);
        await runner.CloseSessionAsync("s", "", _cancellation);
        Assert.False(Summary("cut").IsUnfinished);
        Assert.Equal(whole.Text, Kept("cut")[1].Content);
    }

    [Fact]
    public async Task OtherSettings_AreTaken_AnotherSeedBeginsAnew()
    {
        await KillAsync("tiny", KvMode.Ssd, Request("More."));
        await using var second = await LoadedAsync("tiny", KvMode.Ssd, "cut");
        var got = await SayAsync(second, Continue with { MaxTokens = 9, Sampling = new SamplingOptions { Seed = 77 } });
        Assert.Equal((9, 77u), (got.Usage.GeneratedTokens, got.Usage.Seed));
        Assert.Equal(got.Usage.PromptTokens - 1, got.Usage.CachedTokens);
    }

    [Fact]
    public async Task RandomStateThatNoSamplerWrote_GoesOnWithANewOne()
    {
        await KillAsync("tiny", KvMode.Ssd, Request("More."));
        Rewrite("cut", static snapshot =>
        {
            SnapshotEdit.SamplerState(snapshot).Fill(0xff);
            SnapshotEdit.MakeRight(snapshot);
            return snapshot;
        });
        var said = new List<string>();
        await using var second = await LoadedAsync("tiny", KvMode.Ssd, "cut", said);
        var got = await SayAsync(second, Continue with { MaxTokens = 20 });
        Assert.Equal(got.Usage.PromptTokens - 1, got.Usage.CachedTokens);
        Assert.Equal(20, got.Hashes.Count);
        await second.DisposeAsync();
        lock (said) Assert.Contains(said, static line => line.Contains("random state", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SnapshotOfAnOlderProgram_GoesOnFromItsText()
    {
        await KillAsync("tiny", KvMode.Ssd, Request("More."));
        Rewrite("cut", static snapshot => ChangeAnswer(snapshot, static head => head.Remove("answer")));
        Assert.False(Summary("cut").IsUnfinished);
        var before = Kept("cut")[^1].Content;
        await using (var second = await LoadedAsync("tiny", KvMode.Ssd, "cut"))
        {
            var got = await SayAsync(second, Continue with { ChatTemplate = "chatml", MaxTokens = 30 });
            Assert.Equal(30, got.Hashes.Count);
            Assert.StartsWith(before + got.Text[..1], before + got.Text, StringComparison.Ordinal);
            await second.CloseSessionAsync("s", "", _cancellation);
            Assert.Equal(before + got.Text, Kept("cut")[^1].Content);
        }
        Assert.Equal(2, Kept("cut").Count);
    }

    [Fact]
    public async Task TokensThatTheGrammarRefuses_AreRefused_AndTheRunnerLives()
    {
        await KillAsync("tiny", KvMode.Ssd, Request("More."));
        Rewrite("cut", static snapshot => ChangeAnswer(snapshot, static head => head["answer"]!["grammar"] = "root ::= \"never\""));
        await using var second = await LoadedAsync("tiny", KvMode.Ssd, "cut");
        Assert.Equal(ErrorKind.InvalidInput, (await Assert.ThrowsAsync<StokerException>(() => SayAsync(second, Continue))).Kind);
        Assert.Equal(ErrorKind.NotFound, (await Assert.ThrowsAsync<StokerException>(() => SayAsync(second, Continue with { Session = "none" }))).Kind);
        Assert.Equal(5, (await SayAsync(second, Request("Something new.") with { MaxTokens = 5 })).Hashes.Count);
    }

    private static GenerationRequest Continue => Request("") with { Messages = null, ChatTemplate = null, Append = false, Continue = true, MaxTokens = null, Sampling = new SamplingOptions() };

    private static GenerationRequest Request(string message) => new()
    {
        Messages = [new ChatMessage("user", message)],
        ChatTemplate = "chatml",
        Session = "s",
        Append = true,
        MaxTokens = WholeAnswer,
        IgnoreEos = true,
        LogitHashes = true,
        LogProbs = 0,
        Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 5 },
    };

    private async Task<RunnerBench.Said> WholeAsync(string shape, KvMode kv, GenerationRequest request)
    {
        await using var runner = await LoadedAsync(shape, kv, "whole");
        return await SayAsync(runner, request);
    }

    private async Task KillAsync(string shape, KvMode kv, GenerationRequest request)
    {
        await using var runner = await LoadedAsync(shape, kv, "cut");
        var (heard, isKilled) = (0, false);
        await Assert.ThrowsAsync<StokerException>(async () =>
        {
            await foreach (var told in runner.GenerateAsync(request, _cancellation))
            {
                // In the middle of an answer, and of what stands in no snapshot.
                if (isKilled || told is not TokensGenerated tokens || (heard += tokens.Tokens.Count) < HeardBeforeTheKill) continue;
                isKilled = true;
                // That is written beside the answer, which holds still soon while nobody listens.
                await Patience.UntilAsync(() => Store("cut").Find("s") is { Cells: > SavedBeforeTheKill }, "no snapshot was written");
                OwnProcess.Signal(runner.ProcessId, UnixSignal.Kill);
                await runner.Gone;
            }
        });
    }

    private static Task<RunnerBench.Said> SayAsync(Runner runner, GenerationRequest request) => RunnerBench.SayAsync(runner, request);

    private Task<Runner> LoadedAsync(string shape, KvMode kv, string sessions, List<string>? said = null) => _bench.LoadedAsync(shape, sessions, command => command with { Kv = kv }, said is null ? null : line =>
    {
        lock (said) said.Add(line);
    });

    private SessionStore Store(string sessions) => _bench.Store(sessions);

    private SessionSummary Summary(string sessions) => Store(sessions).Find("s")!;

    private List<(string Role, string Content)> Kept(string sessions) => [.. Store(sessions).Read("s").Messages.Select(static message => (message.Role, message.Content))];

    private void Rewrite(string sessions, Func<byte[], byte[]> change)
    {
        var path = Path.Combine(_bench.Sessions(sessions), Summary(sessions).Id, "snapshot");
        File.WriteAllBytes(path, change(File.ReadAllBytes(path)));
    }

    private static byte[] ChangeAnswer(byte[] snapshot, Action<JsonObject> change) => SnapshotEdit.Change(snapshot, json =>
    {
        var head = JsonNode.Parse(json)!.AsObject();
        change(head);
        return head.ToJsonString();
    });
}
