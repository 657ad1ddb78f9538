using System.Text.Json;

namespace Stoker.Tests.Server.OpenAi;

/// <summary>What is refused, in words that name the field; over real sockets, because that is where the words must arrive.</summary>
public sealed class RefusedRequestsTests : IAsyncLifetime
{
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private FrontHarness _server = null!;

    public async ValueTask InitializeAsync() => _server = await FrontHarness.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("\"temperature\":-0.1", "temperature")]
    [InlineData("\"temperature\":1e999", "temperature")]
    [InlineData("\"temperature\":\"1\"", "temperature")]
    [InlineData("\"top_p\":0", "top_p")]
    [InlineData("\"top_p\":1.01", "top_p")]
    [InlineData("\"top_k\":-1", "top_k")]
    [InlineData("\"top_k\":9223372036854775808", "top_k")]
    [InlineData("\"top_k\":1.5", "top_k")]
    [InlineData("\"min_p\":2", "min_p")]
    [InlineData("\"repeat_penalty\":0", "repeat_penalty")]
    [InlineData("\"repeat_last_n\":-2", "repeat_last_n")]
    [InlineData("\"presence_penalty\":3", "presence_penalty")]
    [InlineData("\"frequency_penalty\":-3", "frequency_penalty")]
    [InlineData("\"seed\":-1", "seed")]
    [InlineData("\"seed\":4294967296", "seed")]
    [InlineData("\"max_tokens\":0", "max_tokens")]
    [InlineData("\"max_tokens\":-1", "max_tokens")]
    [InlineData("\"max_tokens\":9223372036854775807", "max_tokens")]
    [InlineData("\"max_completion_tokens\":2147483648", "max_completion_tokens")]
    [InlineData("\"stop\":7", "stop")]
    [InlineData("\"stop\":\"\"", "stop")]
    [InlineData("\"stop\":[\"a\",7]", "stop[1]")]
    [InlineData("\"stop\":[\"a\",\"\\ud800\"]", "stop[1]")]
    [InlineData("\"stream\":\"yes\"", "stream")]
    [InlineData("\"stream_options\":{\"include_usage\":true}", "stream_options")]
    [InlineData("\"logprobs\":3", "logprobs")]
    [InlineData("\"top_logprobs\":3", "top_logprobs")]
    [InlineData("\"logprobs\":true,\"top_logprobs\":21", "top_logprobs")]
    [InlineData("\"response_format\":\"json\"", "response_format")]
    [InlineData("\"response_format\":{}", "response_format.type")]
    [InlineData("\"response_format\":{\"type\":\"xml\"}", "response_format.type")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"},\"grammar\":\"root ::= [a]\"", "response_format")]
    [InlineData("\"grammar\":{}", "grammar")]
    [InlineData("\"chat_template\":\"{{ evil }}\"", "chat_template")]
    [InlineData("\"stoker\":{\"threads\":0}", "stoker.threads")]
    [InlineData("\"continue\":true", "continue")]
    [InlineData("\"continue\":1", "continue")]
    [InlineData("\"continue\":true,\"session\":\"\"", "continue")]
    [InlineData("\"continue\":true,\"session\":\"s\"", "messages")]
    [InlineData("\"continue\":true,\"session\":\"s\",\"append\":true", "continue")]
    [InlineData("\"stoker\":[]", "stoker")]
    public async Task Chat_WrongValue_Is400AndNamesTheField(string field, string param)
    {
        var (status, code, named, message) = await (await ChatAsync($"{{\"model\":\"tiny\",{Hi},{field}}}")).ErrorAsync();
        Assert.Equal((400, "invalid_value", param), (status, code, named));
        Assert.Contains(param, message, StringComparison.Ordinal);
        Assert.Empty(_server.Engine.Asked);
    }

    [Theory]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"n\":\"1\"", "n")]
    [InlineData("\"tools\":[{\"type\":\"function\"}]", "tools")]
    [InlineData("\"functions\":[{}]", "functions")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    [InlineData("\"logit_bias\":{\"5\":1}", "logit_bias")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}", "response_format.type")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"audio\":{}", "audio")]
    public async Task Chat_WhatComesLater_Is400AndSaysSo(string field, string param)
    {
        var (status, code, named, message) = await (await ChatAsync($"{{\"model\":\"tiny\",{Hi},{field}}}")).ErrorAsync();
        Assert.Equal((400, "unsupported_parameter", param), (status, code, named));
        Assert.Contains("not supported", message, StringComparison.Ordinal);
        Assert.Empty(_server.Engine.Asked);
    }

    [Theory]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "model")]
    [InlineData("{\"model\":7,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "model")]
    [InlineData("{\"model\":\"tiny\"}", "messages")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[]}", "messages")]
    [InlineData("{\"model\":\"tiny\",\"messages\":\"hi\"}", "messages")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[7]}", "messages[0]")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"content\":\"hi\"}]}", "messages[0].role")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"king\",\"content\":\"hi\"}]}", "messages[0].role")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"tool\",\"content\":\"hi\"}]}", "messages[0].role")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"\\udc00\"}]}", "messages[0].content")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", "messages[0].content[0].type")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", "messages[0].content[0].text")]
    [InlineData("{\"model\":\"tiny\",\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{}]}]}", "messages[0].tool_calls")]
    public async Task Chat_WrongMessages_NamesThePlace(string body, string param)
    {
        var (status, _, named, _) = await (await ChatAsync(body)).ErrorAsync();
        Assert.Equal((400, param), (status, named));
    }

    [Fact]
    public async Task Chat_TenThousandStops_Is400()
    {
        var stops = string.Join(',', Enumerable.Repeat("\"x\"", 10_000));
        Assert.Equal("stop", (await (await ChatAsync($"{{\"model\":\"tiny\",{Hi},\"stop\":[{stops}]}}")).ErrorAsync()).Param);
    }

    [Theory]
    [InlineData("{\"model\":\"tiny\"}", "prompt")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":\"\"}", "prompt")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":[]}", "prompt")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":{}}", "prompt")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":[\"a\",\"b\"]}", "prompt")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":[1,-1]}", "prompt[1]")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":[1,2147483648]}", "prompt[1]")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":\"a\",\"best_of\":2}", "best_of")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":\"a\",\"logprobs\":true}", "logprobs")]
    [InlineData("{\"model\":\"tiny\",\"prompt\":\"a\",\"logprobs\":1,\"echo\":true}", "logprobs")]
    public async Task Completion_WrongValue_Is400AndNamesTheField(string body, string param)
    {
        var (status, _, named, _) = await (await _server.Tcp.PostAsync("/v1/completions", FrontHarness.Json(body))).ErrorAsync();
        Assert.Equal((400, param), (status, named));
    }

    [Fact]
    public async Task Embeddings_Are400()
    {
        var (status, code, _, _) = await (await _server.Tcp.PostAsync("/v1/embeddings", FrontHarness.Json("{}"))).ErrorAsync();
        Assert.Equal((400, "unsupported_route"), (status, code));
    }

    [Theory]
    [InlineData("nope")]
    [InlineData("hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF")]
    [InlineData(FakeEngine.Path)]
    [InlineData("../../etc/passwd")]
    public async Task Model_NotInstalled_Is404AndNothingIsFetched(string model)
    {
        var (status, code, param, _) = await (await ChatAsync(JsonSerializer.Serialize(new { model, messages = new[] { new { role = "user", content = "hi" } } }))).ErrorAsync();
        Assert.Equal((404, "model_not_found", "model"), (status, code, param));
        var got = await _server.Tcp.GetAsync($"/v1/models/{Uri.EscapeDataString(model)}");
        Assert.Equal((404, "model_not_found"), ((int)got.StatusCode, (await got.ErrorAsync()).Code));
        Assert.Empty(_server.Engine.Asked);
    }

    [Theory]
    [InlineData("hf:../invented", "InvalidInput")]
    [InlineData("invented", "NotFound")]
    public async Task Model_Invented_IsNoLabelOfAMetric(string model, string outcome)
    {
        await ChatAsync($"{{\"model\":\"{model}\",{Hi}}}");
        var metrics = await _server.Tcp.GetStringAsync("/metrics");
        Assert.DoesNotContain("invented", metrics, StringComparison.Ordinal);
        Assert.Contains($"stoker_answers_total{{model=\"(unknown)\",outcome=\"{outcome}\"}} 1", metrics, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"context_tokens\":512}")]
    [InlineData("{\"threads\":2}")]
    [InlineData("{\"keep_alive_s\":-1}")]
    public async Task Extension_ThatChangesLoading_IsForbiddenOverTcp(string extension)
    {
        var body = $"{{\"model\":\"tiny\",{Hi},\"stoker\":{extension}}}";
        Assert.Equal(403, (await (await ChatAsync(body)).ErrorAsync()).Status);
        Assert.Empty(_server.Engine.Asked);
        (await _server.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(body))).EnsureSuccessStatusCode();
    }

    private Task<HttpResponseMessage> ChatAsync(string body) => _server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json(body));
}
