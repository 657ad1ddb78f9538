using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Stoker.Engine.Decoding;
using Stoker.Native.Llama;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>
/// What comes out of the whole program, whatever the model's origin, is what the library gives when it is called directly: the
/// same tokens, out of logits that are equal to the last bit over the whole vocabulary.
/// </summary>
public sealed class ExactnessScenarios(ScenarioHub hub)
{
    private const int Tokens = 128;
    private const int ContextTokens = 2048;
    private const string Prompt = "Once upon a time, Zwölf Boxkämpfer jagten Viktor.";

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public async Task EveryOrigin_SameTokensAndSameLogitsAsTheLibrary(float temperature)
    {
        await using var home = hub.NewHome();
        var expected = CallDirectly(hub.RandomModelPath, Prompt, temperature, seed: 42, ignoreEnd: true);
        if (temperature > 0) Assert.True(expected.Select(static step => step.Token).Distinct().Count() >= 40);

        foreach (var origin in new[] { hub.RandomModelPath, "hf:random/single", "hf:random/split", "ollama:random" })
        {
            (await home.StokerAsync("pull", origin)).Expect(0);
            var got = await CompleteAsync(home, origin, temperature);
            Assert.True(expected.SequenceEqual(got), $"{origin} at temperature {temperature} differs from the library at step {expected.Zip(got).TakeWhile(static pair => pair.First == pair.Second).Count()}");
        }
    }

    [Fact]
    public async Task Run_SaysWhatTheLibrarySays()
    {
        await using var home = hub.NewHome();
        foreach (var model in new[] { ScenarioHub.TrainedModel, hub.RandomModelPath })
        {
            var chat = LlamaChat.Apply(Library, "chatml", [("user", Prompt)], addAssistant: true);
            var characters = new Utf8Assembler();
            var text = new StringBuilder();
            foreach (var (_, _, bytes) in Steps(model, chat, 1, seed: 7, ignoreEnd: false)) text.Append(characters.Push(bytes));
            text.Append(characters.Flush());

            var ended = (await home.StokerAsync(
                "run", model, Prompt, "--chat-template", "chatml", "--temp", "1", "--top-k", "0", "--top-p", "1", "--min-p", "0", "--repeat-penalty", "1",
                "--seed", "7", "-n", Tokens.ToString(CultureInfo.InvariantCulture), "--ctx", ContextTokens.ToString(CultureInfo.InvariantCulture), "--threads", "1")).Expect(0);
            Assert.Equal(text.ToString().TrimEnd('\n'), ended.Out.TrimEnd('\n'));
        }
    }

    private static readonly LlamaLibrary Library =
        LlamaLibrary.TryLoad(LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory), new LlamaLog(), out var library, out var reason) ? library : throw new InvalidOperationException(reason);

    private static List<(int Token, ulong Hash)> CallDirectly(string path, string prompt, float temperature, uint seed, bool ignoreEnd) =>
        [.. Steps(path, prompt, temperature, seed, ignoreEnd).Select(static step => (step.Token, step.Hash))];

    private static List<(int Token, ulong Hash, byte[] Bytes)> Steps(string path, string prompt, float temperature, uint seed, bool ignoreEnd)
    {
        using var model = LlamaModel.Load(Library, [path], new ModelLoadOptions(), null, TestContext.Current.CancellationToken);
        using var context = LlamaContext.Create(Library, model, new ContextOptions { ContextTokens = ContextTokens, Threads = 1 });
        using var batch = LlamaBatch.Create(Library, 512);
        using var sampler = LlamaSampler.Create(Library, model, new SamplerSettings { Temperature = temperature, Seed = seed });
        var tokens = model.Tokenize(prompt, addSpecial: true, parseSpecial: true);
        for (var at = 0; at < tokens.Length; at++) batch.Add(tokens[at], at, 0, at == tokens.Length - 1);
        var steps = new List<(int, ulong, byte[])>();
        for (var position = tokens.Length; ; position++)
        {
            Assert.Equal(DecodeResult.Done, context.Decode(batch));
            var token = sampler.Sample(context, -1);
            if (!ignoreEnd && model.IsEndOfGeneration(token)) return steps;
            steps.Add((token, LogitMath.Hash(context.Logits(-1)), model.TokenBytes(token)));
            if (steps.Count == Tokens) return steps;
            batch.Clear();
            batch.Add(token, position, 0, wantLogits: true);
        }
    }

    // Over the socket, where the owner may name a path.
    private static async Task<List<(int Token, ulong Hash)>> CompleteAsync(StokerHome home, string model, float temperature)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(home.Paths.Socket), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        var body = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["model"] = model,
            ["prompt"] = Prompt,
            ["max_tokens"] = Tokens,
            ["temperature"] = temperature,
            ["seed"] = 42,
            ["top_k"] = 0,
            ["top_p"] = 1,
            ["min_p"] = 0,
            ["stoker"] = new Dictionary<string, object> { ["logit_hashes"] = true, ["ignore_eos"] = true, ["threads"] = 1, ["context_tokens"] = ContextTokens },
        });
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("http://localhost/v1/completions"), content, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"{model}: {text}");
        using var answer = JsonDocument.Parse(text);
        var told = answer.RootElement.GetProperty("choices")[0].GetProperty("logprobs");
        var ids = told.GetProperty("token_ids").EnumerateArray().Select(static id => id.GetInt32());
        var hashes = told.GetProperty("logit_hashes").EnumerateArray().Select(static hash => ulong.Parse(hash.GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return [.. ids.Zip(hashes)];
    }
}
