using System.Text.Json;
using Stoker.Core.Errors;
using Stoker.Core.Progress;
using Stoker.Engine.Protocol;
using Stoker.Server.OpenAi;

namespace Stoker.Tests.Server.OpenAi;

public sealed class AnswersTests : IAsyncLifetime
{
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private FrontHarness _server = null!;

    public async ValueTask InitializeAsync() => _server = await FrontHarness.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Models_ListAndGet_AreWhatIsInstalled()
    {
        var list = await (await _server.Tcp.GetAsync("/v1/models")).JsonAsync();
        Assert.Equal("list", list.GetProperty("object").GetString());
        Assert.Equal(["tiny", "gated", "hf:org/repo:Q4_K_M"], list.GetProperty("data").EnumerateArray().Select(static model => model.GetProperty("id").GetString()));
        foreach (var path in (string[])["/v1/models/hf:org/repo:Q4_K_M", "/v1/models/hf%3Aorg%2Frepo%3AQ4_K_M"])
        {
            var one = await (await _server.Tcp.GetAsync(path)).JsonAsync();
            Assert.Equal(("hf:org/repo:Q4_K_M", "model", 1000), (one.GetProperty("id").GetString(), one.GetProperty("object").GetString(), one.GetProperty("created").GetInt64()));
        }
    }

    [Fact]
    public async Task Chat_Whole_HasTextUsageTimingsAndReason()
    {
        var answer = await PostAsync("/v1/chat/completions", $"{{\"model\":\"tiny\",{Hi}}}");
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
        Assert.StartsWith("chatcmpl-", answer.GetProperty("id").GetString(), StringComparison.Ordinal);
        var choice = answer.GetProperty("choices")[0];
        Assert.Equal("Hello wörld", choice.GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        var usage = answer.GetProperty("usage");
        Assert.Equal((5, 3, 8, 2), (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(),
            usage.GetProperty("total_tokens").GetInt32(), usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32()));
        Assert.Equal(42, answer.GetProperty("timings").GetProperty("seed").GetInt32());
    }

    [Fact]
    public async Task Chat_AllFields_ReachTheEngine()
    {
        await PostAsync("/v1/chat/completions", """
            {"model":"tiny","messages":[
              {"role":"developer","content":"be brief"},
              {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"x"},
              {"role":"assistant","content":"c"}],
             "temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"repeat_penalty":1.1,"repeat_last_n":-1,"presence_penalty":1,"frequency_penalty":-1,
             "seed":4294967295,"max_completion_tokens":9,"stop":["x","y"],"logprobs":true,"top_logprobs":2,"grammar":"root ::= [a]","chat_template":"chatml",
             "n":1,"user":"u","tools":[],"tool_choice":"auto","logit_bias":{},"response_format":{"type":"text"},"stream":false,"store":null}
            """);
        var (model, request, context) = Assert.Single(_server.Engine.Asked);
        Assert.Equal("tiny", model);
        Assert.Equal([new ChatMessage("system", "be brief"), new ChatMessage("user", "ab"), new ChatMessage("assistant", "c")], request.Messages!);
        Assert.Equal(
            new SamplingOptions { Temperature = 0.5f, TopP = 0.9f, TopK = 7, MinP = 0.1f, RepeatPenalty = 1.1f, RepeatLastN = -1, PresencePenalty = 1, FrequencyPenalty = -1, Seed = uint.MaxValue },
            request.Sampling);
        Assert.Equal((9, 2, "root ::= [a]", "chatml"), (request.MaxTokens!.Value, request.LogProbs!.Value, request.Grammar!, request.ChatTemplate!));
        Assert.Equal(["x", "y"], request.Stop);
        Assert.Null(context.Load);
        Assert.Null(context.KeepAlive);
    }

    [Fact]
    public async Task Chat_JsonObject_SendsOurGrammar()
    {
        await PostAsync("/v1/chat/completions", $"{{\"model\":\"tiny\",{Hi},\"response_format\":{{\"type\":\"json_object\"}}}}");
        Assert.Equal(JsonGrammar.Text, Assert.Single(_server.Engine.Asked).Request.Grammar);
    }

    [Fact]
    public async Task Chat_LogProbs_HaveBytesAlternativesAndNoInfinity()
    {
        var answer = await PostAsync("/v1/chat/completions", $"{{\"model\":\"tiny\",{Hi},\"logprobs\":true,\"top_logprobs\":2}}");
        var content = answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content");
        Assert.Equal(3, content.GetArrayLength());
        Assert.Equal([0x77, 0xC3, 0xB6, 0x72, 0x6C, 0x64], content[2].GetProperty("bytes").EnumerateArray().Select(static item => item.GetInt32()));
        Assert.Equal(-9999, content[0].GetProperty("top_logprobs")[1].GetProperty("logprob").GetDouble());
        Assert.Equal("0000000000000001", content[0].GetProperty("logit_hash").GetString());
    }

    [Fact]
    public async Task Chat_Streamed_IsFramedAsOpenAiDoes()
    {
        var response = await _server.Tcp.PostAsync("/v1/chat/completions",
            FrontHarness.Json($"{{\"model\":\"tiny\",{Hi},\"stream\":true,\"stream_options\":{{\"include_usage\":true}}}}"));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-cache", response.Headers.CacheControl?.ToString());
        var events = Answers.Events(await response.Content.ReadAsStringAsync());
        Assert.All(events, static item => Assert.Null(item.Name));
        Assert.Equal("[DONE]", events[^1].Data);
        var chunks = events[..^1].Select(static item => JsonDocument.Parse(item.Data).RootElement).ToArray();
        Assert.Single(chunks.Select(static chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.Equal("assistant", chunks[0].GetProperty("choices")[0].GetProperty("delta").GetProperty("role").GetString());
        Assert.Equal(["", "Hello", " ", "wörld"], chunks[..4].Select(static chunk => chunk.GetProperty("choices")[0].GetProperty("delta").GetProperty("content").GetString()));
        Assert.All(chunks[..4], static chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("choices")[0].GetProperty("finish_reason").ValueKind));
        Assert.Equal("stop", chunks[4].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(0, chunks[5].GetProperty("choices").GetArrayLength());
        Assert.Equal(8, chunks[5].GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal(6, chunks.Length);
    }

    [Fact]
    public async Task Completion_WholeAndStreamed_HaveTheirShapes()
    {
        var whole = await PostAsync("/v1/completions", "{\"model\":\"tiny\",\"prompt\":[1,2,3],\"logprobs\":2}");
        Assert.Equal([1, 2, 3], Assert.Single(_server.Engine.Asked).Request.Tokens!);
        var choice = whole.GetProperty("choices")[0];
        Assert.Equal("Hello wörld", choice.GetProperty("text").GetString());
        var logprobs = choice.GetProperty("logprobs");
        Assert.Equal([0, 5, 6], logprobs.GetProperty("text_offset").EnumerateArray().Select(static item => item.GetInt32()));
        Assert.Equal(-0.5, logprobs.GetProperty("top_logprobs")[0].GetProperty("Hello").GetDouble());

        var stream = await _server.Tcp.PostAsync("/v1/completions", FrontHarness.Json("{\"model\":\"tiny\",\"prompt\":[\"a\"],\"stream\":true,\"echo\":true}"));
        var events = Answers.Events(await stream.Content.ReadAsStringAsync());
        Assert.Equal("[DONE]", events[^1].Data);
        Assert.Equal("Hello wörld", string.Concat(events[..^1].Select(static item => JsonDocument.Parse(item.Data).RootElement.GetProperty("choices")[0].GetProperty("text").GetString())));
        Assert.Equal(("a", true), (_server.Engine.Asked[1].Request.Text!, _server.Engine.Asked[1].Request.Echo));
    }

    [Theory]
    [InlineData(ErrorKind.Busy, 503, "busy", "7")]
    [InlineData(ErrorKind.ContextOverflow, 400, "context_length_exceeded", null)]
    [InlineData(ErrorKind.OutOfMemory, 503, "out_of_memory", null)]
    [InlineData(ErrorKind.Unsupported, 400, "unsupported", null)]
    [InlineData(ErrorKind.Unavailable, 503, "unavailable", "5")]
    public async Task Failure_BeforeTheFirstWord_HasAStatusWhetherStreamedOrNot(ErrorKind kind, int status, string code, string? retryAfter)
    {
        _server.Engine.Fails = new StokerException(kind, "why") { RetryAfter = kind == ErrorKind.Busy ? TimeSpan.FromSeconds(6.2) : null };
        foreach (var stream in (string[])["true", "false"])
        {
            var response = await _server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json($"{{\"model\":\"tiny\",{Hi},\"stream\":{stream}}}"));
            Assert.Equal((status, code, "why"), (await response.ErrorAsync()) switch { var e => (e.Status, e.Code!, e.Message) });
            Assert.Equal(retryAfter, response.Headers.RetryAfter?.ToString());
        }
        // A full queue is no fault, and clients that come back must not fill the log.
        if (status >= 500) Assert.Contains($"{(kind == ErrorKind.Busy ? "Debug" : "Warning")} POST /v1/chat/completions failed with {kind}", _server.Log.Text, StringComparison.Ordinal);
        Assert.Contains($"outcome=\"{kind}\"}} 2", await _server.Tcp.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ErrorKind.Unavailable)]
    [InlineData(ErrorKind.Internal)]
    public async Task Failure_MidStream_IsOneErrorEventAndNoDone(ErrorKind kind)
    {
        await PutAsync(new GenerationStarted(5, 0), FakeEngine.Tokens("Hel", 1), new StokerException(kind, "the runner ended"));
        var response = await _server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":true}}"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        var last = JsonDocument.Parse(Answers.Events(text)[^1].Data).RootElement;
        Assert.Equal("the runner ended", last.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Failure_DefectMidStream_IsAnErrorEventWithoutItsWordsAndIsLogged()
    {
        await PutAsync(new GenerationStarted(5, 0), FakeEngine.Tokens("Hel", 1), new FormatException("what nobody may see"));
        var response = await _server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":true}}"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.Contains("internal_error", text, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody", text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        Assert.Contains("nobody", _server.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Unload_DuringAnAnswer_IsAnErrorNotHalfAnAnswer(bool stream)
    {
        await PutAsync(new GenerationStarted(5, 0), FakeEngine.Tokens("Hel", 1), FakeEngine.Finish(FinishReason.Cancelled, 1));
        var response = await _server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":{(stream ? "true" : "false")}}}"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"unavailable\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public async Task Disconnect_AtAnyMoment_StopsTheGeneration(bool stream, bool afterFirstWords)
    {
        using var leaving = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":{(stream ? "true" : "false")}}}") };
        if (afterFirstWords) await PutAsync(new GenerationStarted(5, 0), FakeEngine.Tokens("Hel", 1));
        var sent = _server.Tcp.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        await _server.Engine.GateEntered.Task;
        if (afterFirstWords) (await sent).Dispose();
        else await leaving.CancelAsync();
        await _server.Engine.Stopped.Task.WaitAsync(TimeSpan.FromMinutes(1));
        if (!afterFirstWords) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
    }

    [Fact]
    public async Task Stream_TokensArriveAsTheyAreMade()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":true}}") };
        await PutAsync(new GenerationStarted(5, 0));
        using var response = await _server.Tcp.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Contains("assistant", await NextAsync(reader), StringComparison.Ordinal);
        for (var i = 0; i < 20; i++)
        {
            await PutAsync(FakeEngine.Tokens($"word-{i}", i));
            Assert.Contains($"word-{i}", await NextAsync(reader), StringComparison.Ordinal);
        }
        await PutAsync(FakeEngine.Finish(FinishReason.Length, 20));
        Assert.Contains("\"finish_reason\":\"length\"", await NextAsync(reader), StringComparison.Ordinal);
        Assert.Equal("data: [DONE]", await NextAsync(reader));
    }

    [Fact]
    public async Task Stream_WithProgress_TellsStagesBeforeTheFirstWord()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":true,\"stoker\":{{\"progress\":true,\"context_tokens\":512,\"keep_alive_s\":1.5}}}}"),
        };
        var sent = _server.Unix.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await PutAsync(new StageProgress(Stage.Load, null, 10, 20, 1, IsDone: false));
        using var response = await sent;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("event: progress", await reader.ReadLineAsync());
        Assert.Equal("data: {\"stage\":\"Load\",\"doneBytes\":10,\"totalBytes\":20,\"elapsedMs\":1,\"isDone\":false,\"isLocal\":false}", await NextAsync(reader));
        await PutAsync(new StageProgress(Stage.Load, null, 20, 20, 2, IsDone: true), new GenerationStarted(5, 0), new PrefillProgress(3, 5),
            new StageProgress(Stage.FirstToken, null, 0, null, 3, IsDone: true), FakeEngine.Tokens("Hi", 1), FakeEngine.Finish(FinishReason.Stop, 1));
        var events = Answers.Events(await reader.ReadToEndAsync());
        var stages = events.Where(static item => item.Name == "progress").Select(static item => JsonDocument.Parse(item.Data).RootElement.GetProperty("stage").GetString());
        Assert.Equal(["Load", "FirstToken"], stages);
        Assert.Equal("[DONE]", events[^1].Data);
        var context = Assert.Single(_server.Engine.Asked).Context;
        Assert.Equal((512, TimeSpan.FromSeconds(1.5)), (context.Load!.ContextTokens!.Value, context.KeepAlive!.Value));
        Assert.Contains("stoker_model_loads_total{model=\"gated\"} 1", await _server.Tcp.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_LongWaitForTheModel_SaysCommentsInTheEnd()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { Limits = options.Limits with { StreamHeartbeat = TimeSpan.FromMilliseconds(20) } });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = FrontHarness.Json($"{{\"model\":\"gated\",{Hi},\"stream\":true}}") };
        using var response = await server.Tcp.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal(": waiting", await NextAsync(reader));
        await server.Engine.Gate.Writer.WriteAsync(new StokerException(ErrorKind.OutOfMemory, "12 of 10 GiB"));
        Assert.Contains("out_of_memory", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_OfAPrompt_AreNotLogged()
    {
        await PostAsync("/v1/chat/completions", "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"my-secret-words\"}]}");
        await _server.Tcp.PostAsync("/v1/chat/completions?my-secret-words", FrontHarness.Json("{\"model\":\"my-secret-words\"}"));
        Assert.DoesNotContain("my-secret-words", string.Join('\n', _server.Log.Text.Split('\n').Where(static line => !line.Contains("Microsoft", StringComparison.Ordinal))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_ManyAtOnce_EachGetsItsOwnAnswer()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => PostAsync("/v1/chat/completions", $"{{\"model\":\"tiny\",{Hi},\"seed\":{i}}}")));
        Assert.Equal(64, answers.Select(static answer => answer.GetProperty("id").GetString()).Distinct().Count());
        Assert.All(answers, static answer => Assert.Equal("Hello wörld", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()));
    }

    private async Task<JsonElement> PostAsync(string path, string body) => await (await _server.Tcp.PostAsync(path, FrontHarness.Json(body))).JsonAsync();

    private async Task PutAsync(params object[] said)
    {
        foreach (var item in said) await _server.Engine.Gate.Writer.WriteAsync(item);
    }

    /// <summary>The next line that is not empty.</summary>
    private static async Task<string?> NextAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.Length > 0) return line;
        }
        return null;
    }
}
