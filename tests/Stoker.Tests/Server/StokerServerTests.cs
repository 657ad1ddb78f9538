using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Native.Libc;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Tests.Server;

/// <summary>The daemon with real runners: from a plain path to tokens over both transports, and its end.</summary>
public sealed class StokerServerTests
{
    [Fact]
    public async Task PlainPath_IsForTheOwnerAlone()
    {
        await using var harness = await ServerHarness.StartAsync(withRunners: true);
        var path = harness.Model("plain.gguf")[0];
        var body = Chat(path, "\"max_tokens\":8,\"seed\":1");
        var answer = await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(body))).JsonAsync();
        Assert.Equal(8, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal("model_not_found", (await (await harness.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json(body))).ErrorAsync()).Code);

        var loaded = JsonSerializer.Deserialize(await harness.Unix.GetStringAsync(AdminRoutes.Loaded), AdminJson.Default.LoadedList)!;
        Assert.True(Assert.Single(loaded.Models).Pid > 0);
        Assert.True((await (await harness.Unix.PostAsync(AdminRoutes.Unload, FrontHarness.Json("{}"))).JsonAsync()).GetProperty("unloaded").GetBoolean());
    }

    [Fact]
    public async Task JsonObject_WithTheRealGrammar_IsJsonAsFarAsItGoes()
    {
        await using var harness = await ServerHarness.StartAsync(withRunners: true, change: static options => options with { Threads = 1 });
        var path = harness.Model("plain.gguf")[0];
        for (var seed = 0; seed < 4; seed++)
        {
            var more = $"\"max_tokens\":150,\"seed\":{seed},\"temperature\":1.5,\"response_format\":{{\"type\":\"json_object\"}}";
            var answer = await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(Chat(path, more)))).JsonAsync();
            var choice = answer.GetProperty("choices")[0];
            var text = Encoding.UTF8.GetBytes(choice.GetProperty("message").GetProperty("content").GetString()!);
            Assert.Equal((byte)'{', text[0]);
            // Random weights may go on for ever inside a string, but what they have said so far must be the beginning of JSON.
            var reader = new Utf8JsonReader(text, isFinalBlock: choice.GetProperty("finish_reason").GetString() == "stop", default);
            while (reader.Read())
            {
            }
        }
    }

    [Fact]
    public async Task Runner_KilledMidStream_IsOneErrorEventThenTheNextRequestStartsItAnew()
    {
        await using var harness = await ServerHarness.StartAsync(withRunners: true);
        var path = harness.Model("plain.gguf")[0];
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = FrontHarness.Json(Chat(path, "\"stream\":true,\"stoker\":{\"ignore_eos\":true}")) };
        using var response = await harness.Unix.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var text = new StringBuilder();
        while (!text.ToString().Contains("\"content\":\"", StringComparison.Ordinal)) text.AppendLine(await reader.ReadLineAsync());
        var loaded = JsonSerializer.Deserialize(await harness.Unix.GetStringAsync(AdminRoutes.Loaded), AdminJson.Default.LoadedList)!;
        OwnProcess.Signal(loaded.Models[0].Pid!.Value, UnixSignal.Kill);
        text.Append(await reader.ReadToEndAsync());
        Assert.DoesNotContain("[DONE]", text.ToString(), StringComparison.Ordinal);
        Assert.Single(text.ToString().Split('\n'), static line => line.StartsWith("data: {\"error\":", StringComparison.Ordinal));

        var next = await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(Chat(path, "\"max_tokens\":4")))).JsonAsync();
        Assert.Equal(4, next.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Errors_OfTheEngine_HaveOpenAisWords()
    {
        await using var harness = await ServerHarness.StartAsync(withRunners: true);
        var path = harness.Model("plain.gguf")[0];
        var tooLong = Chat(path, "\"stoker\":{\"context_tokens\":64}").Replace("\"hi\"", $"\"{new string('x', 4000)}\"");
        Assert.Equal((400, "context_length_exceeded"), Short(await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(tooLong))).ErrorAsync()));
        Assert.Equal((400, "invalid_request"), Short(await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(Chat(path, "\"grammar\":\"root ::= [\"")))).ErrorAsync()));
        Assert.Equal(400, (await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(Chat(path, "\"chat_template\":\"no-such-template\"")))).ErrorAsync()).Status);
        await File.WriteAllTextAsync(harness.Scratch.File("broken.gguf"), "GGUFnot");
        var broken = await (await harness.Unix.PostAsync("/v1/chat/completions", FrontHarness.Json(Chat(harness.Scratch.File("broken.gguf"), "\"max_tokens\":4")))).ErrorAsync();
        Assert.Equal("corrupt_data", broken.Code);

        static (int, string?) Short((int Status, string? Code, string? Param, string Message) error) => (error.Status, error.Code);
    }

    [Fact]
    public async Task Dispose_WithAPullUnderWay_CancelsItKeepsWhatCameAndEndsSoon()
    {
        var harness = await ServerHarness.StartAsync();
        var gate = new HubGate(10_000);
        harness.Hub.Publisher.HuggingFace("org/big", ("big-Q4_0.gguf", harness.Model("big.gguf")[0]));
        harness.Hub.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        var request = new PullRequest { Reference = "hf:org/big", Access = harness.Access };
        (await harness.Unix.PostAsync(AdminRoutes.Pull, FrontHarness.Json(JsonSerializer.Serialize(request, AdminJson.Default.PullRequest)))).EnsureSuccessStatusCode();
        await gate.Reached.WaitAsync(TimeSpan.FromMinutes(1));
        var ended = harness.Server.DisposeAsync().AsTask();
        await ended.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.False(File.Exists(harness.Paths.Socket));
        Assert.Contains("Stopped after", harness.Log, StringComparison.Ordinal);
        gate.Open();
        await harness.DisposeAsync();
    }

    [Fact]
    public async Task Dispose_DuringAnAnswer_TellsTheClientAndEndsSoon()
    {
        await using var harness = await ServerHarness.StartAsync(withRunners: true);
        var body = Chat(harness.Model("plain.gguf")[0], "\"stream\":true,\"stoker\":{\"ignore_eos\":true,\"context_tokens\":65536,\"threads\":1}");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = FrontHarness.Json(body) };
        using var response = await harness.Unix.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var told = response.Content.ReadAsStringAsync();
        await harness.Server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));
        var last = Answers.Events(await told)[^1].Data;
        Assert.Contains("\"kind\":\"Unavailable\"", last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_HostThatIsAName_SaysWhatToDo()
    {
        var exception = await Assert.ThrowsAsync<StokerException>(() => ServerHarness.StartAsync(change: static options => options with { Host = "models.example", ApiKeys = ["key-of-twenty-letters"] }));
        Assert.Contains("--allow-host", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SessionsFolderThatIsNone_KeysAreRefusedUntilItIsMended_OthersAnswered()
    {
        const string key = "key-of-twenty-letters";
        await using var harness = await ServerHarness.StartAsync(change: static options => options with { ApiKeys = [key] }, prepare: static paths => File.WriteAllText(paths.Sessions, "no folder"));
        Assert.Contains($"cannot be kept as they should: {harness.Paths.ScopeSecret}", harness.Log, StringComparison.Ordinal);
        using var health = JsonDocument.Parse(await harness.Unix.GetStringAsync(AdminRoutes.Health, TestContext.Current.CancellationToken));
        Assert.Contains(health.RootElement.GetProperty("checks").EnumerateArray(), static check =>
            check.GetProperty("name").GetString() == "sessions" && check.GetProperty("state").GetString() == "Warning");
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(harness.Unix)).Status);

        harness.Tcp.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var (status, answer) = await AskAsync(harness.Tcp);
        Assert.Equal(HttpStatusCode.InternalServerError, status);
        Assert.Contains("\"kind\":\"io\"", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(key, harness.Log + answer, StringComparison.Ordinal);

        File.Delete(harness.Paths.Sessions);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(harness.Tcp)).Status);
        Assert.True(File.Exists(harness.Paths.ScopeSecret));

        async Task<(HttpStatusCode Status, string Text)> AskAsync(HttpClient client)
        {
            using var body = new StringContent(Chat("tiny", "\"max_tokens\":8"), Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/v1/chat/completions", body, TestContext.Current.CancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    private static string Chat(string model, string more) =>
        $"{{\"model\":{JsonSerializer.Serialize(model)},\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{more}}}";
}
