using System.ClientModel;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>Clients that others wrote, against the running program over TCP: .NET's OpenAI package and npm's openai.</summary>
public sealed class OpenAiClientScenarios(ScenarioHub hub)
{
    private const string Key = "key-of-twenty-letters";
    private const string Model = "hf:random/single:Q4_0";

    [Fact]
    public async Task DotNetClient_ListsStreamsObeysAGrammarAndSeesTheError()
    {
        await using var home = await ServingAsync();
        var client = new OpenAIClient(new ApiKeyCredential(Key), new OpenAIClientOptions { Endpoint = new Uri(await BaseAddressAsync(home)) });

        var models = await client.GetOpenAIModelClient().GetModelsAsync();
        Assert.Contains(Model, models.Value.Select(static model => model.Id));

        var chat = client.GetChatClient(Model);
        var streamed = new StringBuilder();
        ChatFinishReason? finish = null;
        ChatTokenUsage? usage = null;
        await foreach (var update in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello there")], Options(24)))
        {
            foreach (var part in update.ContentUpdate) streamed.Append(part.Text);
            finish = update.FinishReason ?? finish;
            usage = update.Usage ?? usage;
        }
        Assert.Equal(ChatFinishReason.Length, finish);
        Assert.Equal(24, usage!.OutputTokenCount);

        var whole = await chat.CompleteChatAsync([new UserChatMessage("Hello there")], Options(24));
        Assert.Equal(whole.Value.Content[0].Text, streamed.ToString());

        var constrained = await chat.CompleteChatAsync([new UserChatMessage("Hello there")], Options(64, "root ::= \"{\\\"ok\\\": \" ( \"true\" | \"false\" ) \"}\""));
        using var parsed = JsonDocument.Parse(constrained.Value.Content[0].Text);
        Assert.True(parsed.RootElement.GetProperty("ok").ValueKind is JsonValueKind.True or JsonValueKind.False);
        Assert.Equal(ChatFinishReason.Stop, constrained.Value.FinishReason);

        var unknown = await Assert.ThrowsAsync<ClientResultException>(() => client.GetChatClient("hf:nobody/nothing").CompleteChatAsync("Hello"));
        Assert.Equal(404, unknown.Status);
        Assert.Contains("model_not_found", unknown.Message, StringComparison.Ordinal);
        var stranger = new OpenAIClient(new ApiKeyCredential("not-the-key"), new OpenAIClientOptions { Endpoint = new Uri(await BaseAddressAsync(home)) });
        Assert.Equal(401, (await Assert.ThrowsAsync<ClientResultException>(() => stranger.GetOpenAIModelClient().GetModelsAsync())).Status);
    }

    [Fact]
    public async Task NodeClient_ListsStreamsObeysAGrammarAndSeesTheError()
    {
        await using var home = await ServingAsync();
        var text = await NodePackages.RunAsync("openai-chat.mjs", [await BaseAddressAsync(home), Model, "hf:nobody/nothing"], new Dictionary<string, string> { ["TEST_KEY"] = Key });
        using var seen = JsonDocument.Parse(text);
        var root = seen.RootElement;
        Assert.Contains(Model, root.GetProperty("models").EnumerateArray().Select(static item => item.GetString()));
        Assert.Equal(root.GetProperty("whole").GetString(), root.GetProperty("streamed").GetString());
        Assert.NotEqual("", root.GetProperty("completion").GetString());
        Assert.Equal("length", root.GetProperty("finish").GetString());
        Assert.Equal(root.GetProperty("wholeUsage").GetProperty("total_tokens").GetInt32(), root.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal(24, root.GetProperty("logprobs").EnumerateArray().Count(static item => item.GetInt32() == 3));
        Assert.InRange(root.GetProperty("constrained").GetProperty("count").GetInt32(), 1, 99);
        var error = root.GetProperty("error");
        Assert.Equal(("NotFoundError", 404, "model_not_found", "model"), (error.GetProperty("kind").GetString(), error.GetProperty("status").GetInt32(),
            error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
    }

    private async Task<StokerHome> ServingAsync()
    {
        var home = hub.NewHome();
        home.Environment["STOKER_API_KEY"] = Key;
        home.Environment["STOKER_THREADS"] = "1";
        (await home.StokerAsync("pull", "hf:random/single")).Expect(0);
        return home;
    }

    private static async Task<string> BaseAddressAsync(StokerHome home)
    {
        using var status = JsonDocument.Parse((await home.StokerAsync("status", "--json")).Expect(0).Out);
        return status.RootElement.GetProperty("urls")[0].GetString() + "/v1";
    }

#pragma warning disable SCME0001, OPENAI001 // The client's own way to send fields that it does not know, and its seed, are marked as experimental.
    private static ChatCompletionOptions Options(int maxTokens, string? grammar = null)
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = maxTokens, Temperature = 1, Seed = 7 };
        options.Patch.Set("$.chat_template"u8, "chatml");
        if (grammar is not null) options.Patch.Set("$.grammar"u8, grammar);
        return options;
    }
#pragma warning restore SCME0001, OPENAI001
}
