using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Runners;

/// <summary>One real runner process at a time: what it answers and how it fails.</summary>
public sealed class RunnerTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task PlainPath_ThroughARunner_GivesText()
    {
        await using var runner = await LoadedAsync();
        var events = await AllAsync(runner, Request() with { Text = null, Messages = [new ChatMessage("user", "Hello")], MaxTokens = 32 });
        Assert.IsType<GenerationStarted>(events[0]);
        var finished = Assert.IsType<GenerationFinished>(events[^1]);
        Assert.Equal((FinishReason.Length, 32), (finished.Reason, finished.Usage.GeneratedTokens));
        Assert.NotEmpty(TextOf(events));
    }

    [Fact]
    public async Task Load_TellsProgressAndFacts()
    {
        await using var runner = await StartAsync();
        var fractions = new List<double>();
        var report = await runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny], ContextTokens = 512, Threads = 1 }, fractions.Add, _cancellation);
        Assert.Equal((512, 1, 4096, 131_072), (report.ContextTokens, report.Threads, report.VocabularySize, report.TrainedContextTokens));
        Assert.Equal(1, fractions[^1], 2);
        Assert.Equal(fractions.Order(), fractions);
        Assert.Contains("ggml", runner.Fingerprint, StringComparison.Ordinal);
        // Its memory is for its model: no web server, no command line, no terminal tables.
        var mapped = await File.ReadAllTextAsync($"/proc/{runner.ProcessId}/maps", _cancellation);
        foreach (var name in new[] { "AspNetCore", "System.CommandLine", "Spectre", "Stoker.Server" }) Assert.DoesNotContain(name, mapped, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kill_InTheMiddleOfAnAnswer_IsUnavailable()
    {
        await using var runner = await LoadedAsync();
        var error = await Assert.ThrowsAsync<StokerException>(async () =>
        {
            var killed = false;
            await foreach (var told in runner.GenerateAsync(Request() with { MaxTokens = null }, _cancellation))
            {
                if (told is not TokensGenerated || killed) continue;
                killed = true;
                OwnProcess.Signal(runner.ProcessId, UnixSignal.Kill);
            }
        });
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Contains("signal 9", error.Message, StringComparison.Ordinal);
        await runner.Gone.WaitAsync(TimeSpan.FromMinutes(1), _cancellation);
        var later = Assert.Throws<StokerException>(() => runner.GenerateAsync(Request(), _cancellation).GetAsyncEnumerator(_cancellation).MoveNextAsync().AsTask().GetAwaiter().GetResult());
        Assert.Equal(ErrorKind.Unavailable, later.Kind);
    }

    [Fact]
    public async Task Dispose_EndsTheProcess()
    {
        var runner = await LoadedAsync();
        var process = runner.ProcessId;
        await runner.DisposeAsync();
        Assert.False(OwnProcess.Signal(process, UnixSignal.None));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task LeavingEarly_StopsDecodingAndTheNextAnswerComes()
    {
        await using var runner = await LoadedAsync(contextTokens: 32_768);
        await foreach (var told in runner.GenerateAsync(Request() with { MaxTokens = null }, _cancellation))
        {
            if (told is TokensGenerated) break;
        }
        // Not cancelled, the 32,000 tokens of the first answer would take longer than this waits.
        var events = await AllAsync(runner, Request() with { MaxTokens = 3 }).WaitAsync(TimeSpan.FromSeconds(30), _cancellation);
        Assert.Equal(3, Assert.IsType<GenerationFinished>(events[^1]).Usage.GeneratedTokens);
    }

    [Fact]
    public async Task FourAtOnce_AnswerTogether_EachAsAlone()
    {
        await using var runner = await StartAsync();
        await runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny], ContextTokens = 1024, Threads = 1, Slots = 4 }, null, _cancellation);
        GenerationRequest Of(int i) => Request() with { Text = $"Conversation {i} about the number {i * 7919}.", MaxTokens = 24, LogProbs = 0, Sampling = new SamplingOptions { Temperature = 0 } };
        var alone = new List<List<GenerationEvent>>();
        for (var i = 0; i < 4; i++) alone.Add(await AllAsync(runner, Of(i) with { ReusePrefix = false }));
        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => AllAsync(runner, Of(i) with { ReusePrefix = false })));
        var expected = alone.Select(Probabilities).ToArray();
        for (var i = 0; i < 4; i++)
        {
            Assert.IsType<GenerationFinished>(together[i][^1]);
            var got = Probabilities(together[i]);
            Assert.Equal(24, got.Count);
            // Another batch computes other last bits; another conversation would be far off.
            Assert.Equal(expected[i][0], got[0], 0.02);
            Assert.Equal(i, Enumerable.Range(0, 4).MinBy(other => Math.Abs(expected[other][0] - got[0])));
        }
        static List<float> Probabilities(List<GenerationEvent> events) => [.. events.OfType<TokensGenerated>().SelectMany(static told => told.Tokens).Select(static token => token.LogProb!.Value)];
    }

    [Fact]
    public async Task SameBeginning_IsNotComputedAgain_AndNeverForAnotherScope()
    {
        await using var runner = await StartAsync();
        await runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny], ContextTokens = 1024, Threads = 1, Slots = 2 }, null, _cancellation);
        var prompt = Enumerable.Range(100, 200).ToArray();
        async Task<int> CachedAsync(string scope, int[] tokens) =>
            ((GenerationFinished)(await AllAsync(runner, Request() with { Text = null, Tokens = tokens, MaxTokens = 4, Scope = scope, ReusePrefix = true }))[^1]).Usage.CachedTokens;
        Assert.Equal(0, await CachedAsync("a", prompt));
        Assert.Equal(0, await CachedAsync("b", prompt));
        Assert.Equal(199, await CachedAsync("a", prompt));
        Assert.Equal(199, await CachedAsync("b", [.. prompt[..199], 7, 8]));
        Assert.Equal(0, await CachedAsync("c", prompt)); // takes the slot of the one unused for longest
    }

    [Fact]
    public async Task Cancel_DuringPrefill_EndsIt()
    {
        // So long that it is far from its end even where somebody looks late.
        await using var runner = await LoadedAsync(contextTokens: 32_768);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            var longPrompt = Request() with { Tokens = Enumerable.Repeat(65, 32_000).ToArray(), Text = null };
            await foreach (var told in runner.GenerateAsync(longPrompt, cancel.Token))
            {
                Assert.IsNotType<TokensGenerated>(told);
                if (told is PrefillProgress { DoneTokens: 512, TotalTokens: 32_000 }) await cancel.CancelAsync();
            }
        });
        Assert.NotEmpty(await AllAsync(runner, Request()));
    }

    [Fact]
    public async Task PromptLongerThanTheContext_IsAnErrorWithTheNumbers()
    {
        await using var runner = await LoadedAsync(contextTokens: 256);
        var error = await FailureAsync(runner, Request() with { Tokens = Enumerable.Repeat(65, 256).ToArray(), Text = null });
        Assert.Equal(ErrorKind.ContextOverflow, error.Kind);
        Assert.Contains("256", error.Message, StringComparison.Ordinal);
        Assert.Contains("--ctx", error.Message, StringComparison.Ordinal);
        var full = await AllAsync(runner, Request() with { Tokens = Enumerable.Repeat(65, 250).ToArray(), Text = null, MaxTokens = null });
        Assert.Equal((FinishReason.Length, 6), (((GenerationFinished)full[^1]).Reason, ((GenerationFinished)full[^1]).Usage.GeneratedTokens));
    }

    [Fact]
    public async Task BadRequests_AreRefusedAndTheModelStays()
    {
        await using var runner = await LoadedAsync();
        foreach (var (request, kind) in new (GenerationRequest, ErrorKind)[]
        {
            (Request() with { Grammar = "root ::= (" }, ErrorKind.InvalidInput),
            (Request() with { Grammar = "start ::= \"a\"" }, ErrorKind.InvalidInput),
            (Request() with { Grammar = "root ::= root \"a\"" }, ErrorKind.InvalidInput),
            (Request() with { Grammar = " " }, ErrorKind.InvalidInput),
            (Request() with { Text = null }, ErrorKind.InvalidInput),
            (Request() with { Text = "" }, ErrorKind.InvalidInput),
            (Request() with { Text = null, Tokens = [4096] }, ErrorKind.InvalidInput),
            (Request() with { Text = null, Tokens = [-1] }, ErrorKind.InvalidInput),
            (Request() with { Stop = [""] }, ErrorKind.InvalidInput),
            (Request() with { Sampling = new SamplingOptions { Temperature = -1 } }, ErrorKind.InvalidInput),
            (Request() with { Text = null, Messages = [new ChatMessage("user", "a\0b")] }, ErrorKind.InvalidInput),
            (Request() with { Text = null, Messages = [new ChatMessage("user", "a")], ChatTemplate = "nonsense" }, ErrorKind.InvalidInput),
        })
        {
            var error = await FailureAsync(runner, request);
            Assert.True(error.Kind == kind, $"{request}: {error.Kind} {error.Message}");
        }
        Assert.NotEmpty(await AllAsync(runner, Request()));
    }

    [Fact]
    public async Task GrammarsThatWouldEndTheProcess_AreRefused_AndThoseAtTheLimitsAreNot()
    {
        await using var runner = await LoadedAsync();
        static string Nested(int depth) => $"root ::= {new string('(', depth)}\"a\"{new string(')', depth)}";
        static string Chained(int rules) => "root ::= r1\n" + string.Join('\n', Enumerable.Range(1, rules - 2).Select(static i => $"r{i} ::= r{i + 1}")) + $"\nr{rules - 1} ::= \"a\"\n";
        foreach (var tooMuch in new[] { Nested(GrammarChecks.MaxNesting + 1), Nested(60_000), Chained(GrammarChecks.MaxRules + 1), new string(' ', GrammarChecks.MaxLength + 1) })
            Assert.Equal(ErrorKind.InvalidInput, (await FailureAsync(runner, Request() with { Grammar = tooMuch })).Kind);
        foreach (var fits in new[] { Nested(GrammarChecks.MaxNesting), Chained(GrammarChecks.MaxRules) })
            Assert.Equal("a", TextOf(await AllAsync(runner, Request() with { Grammar = fits, IgnoreEos = false })));
    }

    [Fact]
    public async Task Grammar_BindsTheAnswer()
    {
        await using var runner = await LoadedAsync();
        var request = Request() with { Grammar = """root ::= "{" [a-z]{3} ":" [0-9]+ "}" """, MaxTokens = 200, IgnoreEos = false, Sampling = new SamplingOptions { Temperature = 1, Seed = 5 } };
        var events = await AllAsync(runner, request);
        Assert.Matches("^\\{[a-z]{3}:[0-9]+\\}?$", TextOf(events));
    }

    [Fact]
    public async Task Stop_EndsBeforeIt_WhateverTheTokens()
    {
        await using var runner = await LoadedAsync();
        var request = Request() with { MaxTokens = 64, Sampling = new SamplingOptions { Temperature = 1, Seed = 11 } };
        var whole = TextOf(await AllAsync(runner, request));
        var stop = whole.Substring(whole.Length / 2, 3);
        var events = await AllAsync(runner, request with { Stop = [stop] });
        var finished = (GenerationFinished)events[^1];
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], TextOf(events));
        Assert.Equal((FinishReason.Stop, stop), (finished.Reason, finished.StopString));
    }

    [Fact]
    public async Task LogProbs_AreProbabilities()
    {
        await using var runner = await LoadedAsync();
        var events = await AllAsync(runner, Request() with { LogProbs = 5, MaxTokens = 4, Sampling = new SamplingOptions { Temperature = 0 } });
        foreach (var token in events.OfType<TokensGenerated>().SelectMany(static told => told.Tokens))
        {
            Assert.Equal(5, token.Top!.Count);
            Assert.Equal(token.Id, token.Top[0].Id); // greedy takes the likeliest
            Assert.Equal(token.LogProb, token.Top[0].LogProb);
            Assert.InRange(token.Top.Sum(static alternative => Math.Exp(alternative.LogProb)), 0, 1.0001);
        }
    }

    [Fact]
    public async Task TemplateThatIsNotRecognised_NamesTheWaysOut()
    {
        await using var runner = await LoadedAsync(model: TestModels.OddTemplate);
        var chat = Request() with { Text = null, Messages = [new ChatMessage("user", "Hello")] };
        var error = await FailureAsync(runner, chat);
        Assert.Equal(ErrorKind.Unsupported, error.Kind);
        Assert.Contains("--chat-template", error.Message, StringComparison.Ordinal);
        Assert.Contains("/v1/completions", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(await AllAsync(runner, chat with { ChatTemplate = "chatml" }));
        Assert.NotEmpty(await AllAsync(runner, Request()));
    }

    [Theory]
    [InlineData("gemma3t")] // sliding window
    [InlineData("lfm2t")] // short convolutions
    [InlineData("granitet")] // recurrent layers
    [InlineData("lfm2moet")] // a mixture of experts
    public async Task OtherKindsOfMemory_AnswerTheSameTwice(string shape)
    {
        await using var runner = await LoadedAsync(model: TestModels.OfShapeOnce(shape));
        var request = Request() with { MaxTokens = 24, Sampling = new SamplingOptions { Temperature = 1, Seed = 3 } };
        var first = TextOf(await AllAsync(runner, request));
        Assert.Equal(first, TextOf(await AllAsync(runner, request)));
    }

    [Fact]
    public async Task TwoRequestsAtOnce_AreAnsweredInOrder()
    {
        await using var runner = await LoadedAsync();
        var request = Request() with { MaxTokens = 32 };
        var expected = TextOf(await AllAsync(runner, request));
        var both = await Task.WhenAll(AllAsync(runner, request), AllAsync(runner, request));
        Assert.All(both, events => Assert.Equal(expected, TextOf(events)));
    }

    [Fact]
    public async Task SlowClient_HoldsNothingUpForItself_ButGetsItAll()
    {
        await using var runner = await LoadedAsync(contextTokens: 2048, slots: 2);
        var got = 0;
        await foreach (var told in runner.GenerateAsync(Request() with { MaxTokens = 1500 }, _cancellation))
        {
            if (told is not TokensGenerated tokens) continue;
            // Far behind from the start: both get a token in each step, so that its window is closed before the other has its last one.
            if (got == 0) Assert.Contains(await AllAsync(runner, Request() with { MaxTokens = 600 }), static other => other is GenerationFinished { Usage.GeneratedTokens: 600 });
            got += tokens.Tokens.Count;
        }
        Assert.Equal(1500, got);
    }

    [Theory]
    [InlineData("gpt-2.gguf")]
    [InlineData("llama-spm.gguf")]
    [InlineData("phi-3.gguf")]
    public async Task VocabularyOnlyFile_TokenisesAsExpected_AndDoesNotGenerate(string name)
    {
        await using var runner = await StartAsync();
        var path = TestModels.Vocabulary(name);
        await runner.LoadAsync(new LoadCommand { Paths = [path], VocabularyOnly = true }, null, _cancellation);
        var inputs = (await File.ReadAllTextAsync($"{path}.inp", _cancellation)).Split("\n__ggml_vocab_test__\n");
        var expected = (await File.ReadAllTextAsync($"{path}.out", _cancellation)).TrimEnd('\n').Split('\n');
        for (var i = 0; i < expected.Length; i++)
        {
            var tokens = await runner.TokenizeAsync(new TokenizeCommand(inputs[i], AddSpecial: false, ParseSpecial: false), _cancellation);
            Assert.Equal(expected[i].Trim(), string.Join(' ', tokens));
        }
        Assert.Equal(ErrorKind.Unsupported, (await FailureAsync(runner, Request())).Kind);
    }

    [Fact]
    public async Task NotAModel_IsCorrupt_WithTheLibrarysWords()
    {
        var path = _folder.File("x.gguf");
        await File.WriteAllTextAsync(path, "GGUF but no more", _cancellation);
        await using var runner = await StartAsync();
        var error = await Assert.ThrowsAsync<StokerException>(() => runner.LoadAsync(new LoadCommand { Paths = [path] }, null, _cancellation));
        Assert.Equal(ErrorKind.Corrupt, error.Kind);
        File.Delete(path);
    }

    [Theory]
    [InlineData(KvMode.Ssd, ErrorKind.Unsupported, "not writable")]
    [InlineData(KvMode.Auto, ErrorKind.Corrupt, "x.gguf")] // cells would lie in memory, and the model is looked at
    public async Task FolderThatIsNone_AndABrokenModel_TheFolderIsToldFirst(KvMode mode, ErrorKind kind, string word)
    {
        var (path, sessions) = (_folder.File("x.gguf"), _folder.File("sessions"));
        await File.WriteAllTextAsync(path, "GGUF but no more", _cancellation);
        await File.WriteAllTextAsync(sessions, "no folder", _cancellation);
        await using var runner = await StartAsync();
        var error = await Assert.ThrowsAsync<StokerException>(() => runner.LoadAsync(new LoadCommand { Paths = [path], Kv = mode, SessionsFolder = sessions }, null, _cancellation));
        Assert.Equal(kind, error.Kind);
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FolderThatIsNone_KvAuto_AnswersFromMemoryAndSaysWhy()
    {
        var sessions = _folder.File("sessions");
        await File.WriteAllTextAsync(sessions, "no folder", _cancellation);
        await using var runner = await StartAsync();
        var report = await runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny], ContextTokens = 512, Threads = 1, SessionsFolder = sessions, PromptCacheBytes = 1 << 20 }, null, _cancellation);
        Assert.Equal(KvMode.Ram, report.KvMode);
        Assert.Contains("not writable", report.KvReason, StringComparison.Ordinal);
        Assert.Equal(8, Assert.IsType<GenerationFinished>((await AllAsync(runner, Request()))[^1]).Usage.GeneratedTokens);
        Assert.Equal(ErrorKind.Io, (await FailureAsync(runner, Request() with { Text = null, Messages = [new ChatMessage("user", "Hello")], Session = "a" })).Kind);
    }

    [Fact]
    public async Task WrongLibraryFolder_SaysWhereItLooked()
    {
        var start = TestModels.Start(_folder) with { LlamaDirectory = "/nonexistent/llama" };
        await using var runner = await Runner.StartAsync(start, null, TimeProvider.System, _cancellation);
        var error = await Assert.ThrowsAsync<StokerException>(() => runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny] }, null, _cancellation));
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Contains("/nonexistent/llama", error.Message, StringComparison.Ordinal);
        Assert.Contains("STOKER_LLAMA_DIR", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nonexistent/stoker")]
    [InlineData("/bin/false")]
    public async Task ProgramThatIsNoRunner_IsUnavailable(string program)
    {
        var error = await Assert.ThrowsAsync<StokerException>(() => Runner.StartAsync(TestModels.Start(_folder) with { Program = program }, null, TimeProvider.System, _cancellation));
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    private static GenerationRequest Request() => new()
    {
        Text = "Hello world",
        MaxTokens = 8,
        IgnoreEos = true,
        Sampling = new SamplingOptions { Seed = 1 },
    };

    private static string TextOf(IEnumerable<GenerationEvent> events) => string.Concat(events.OfType<TokensGenerated>().Select(static told => told.Text));

    private Task<Runner> StartAsync() => Runner.StartAsync(TestModels.Start(_folder), null, TimeProvider.System, _cancellation);

    private async Task<Runner> LoadedAsync(int contextTokens = 512, string? model = null, int slots = 1)
    {
        var runner = await StartAsync();
        await runner.LoadAsync(new LoadCommand { Paths = [model ?? TestModels.Tiny], ContextTokens = contextTokens, Threads = 1, Slots = slots }, null, _cancellation);
        return runner;
    }

    private async Task<List<GenerationEvent>> AllAsync(Runner runner, GenerationRequest request)
    {
        var events = new List<GenerationEvent>();
        await foreach (var told in runner.GenerateAsync(request, _cancellation)) events.Add(told);
        return events;
    }

    private async Task<StokerException> FailureAsync(Runner runner, GenerationRequest request) =>
        await Assert.ThrowsAsync<StokerException>(() => AllAsync(runner, request));
}
