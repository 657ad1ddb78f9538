using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Llama;
using Stoker.Tests.Native.Llama;

namespace Stoker.Tests.Engine.Runners;

/// <summary>A runner's answer is what the library gives when it is called directly: the same tokens out of bit-identical logits.</summary>
public sealed class ExactnessTests
{
    private const string Prompt = "The quick brown fox jumps over the lazy dog. Zwölf Boxkämpfer jagen Viktor. ";
    private const int ContextTokens = 2048;
    private const int Tokens = 128;

    [Theory]
    [InlineData(0f, 0u, 1)]
    [InlineData(1f, 42u, 1)]
    [InlineData(1f, 42u, 2)]
    [InlineData(1f, 7u, 20)] // a prompt of several micro-batches
    public async Task Answer_EqualsTheLibraryCalledDirectly(float temperature, uint seed, int promptRepeats)
    {
        var prompt = string.Concat(Enumerable.Repeat(Prompt, promptRepeats));
        var expected = CallDirectly([TestModels.Tiny], prompt, temperature, seed);
        Assert.Equal(expected, await ThroughRunnerAsync([TestModels.Tiny], prompt, temperature, seed));
        if (temperature > 0) Assert.True(expected.Select(static step => step.Token).Distinct().Count() >= 40);
    }

    [Fact]
    public async Task SplitModel_EqualsTheSameInOneFile()
    {
        var expected = CallDirectly([TestModels.Tiny], Prompt, 1, 3);
        Assert.Equal(expected, CallDirectly(TestModels.TinySplit, Prompt, 1, 3));
        Assert.Equal(expected, await ThroughRunnerAsync(TestModels.TinySplit, Prompt, 1, 3));
    }

    [Fact]
    public async Task SecondAnswer_EqualsTheFirst()
    {
        using var folder = new TempFolder();
        await using var runner = await LoadedAsync(folder, [TestModels.Tiny]);
        var first = await AnswerAsync(runner, Prompt, 1, 9);
        Assert.Equal(first, await AnswerAsync(runner, Prompt, 1, 9));
    }

    private static List<(int Token, ulong Hash)> CallDirectly(IReadOnlyList<string> paths, string prompt, float temperature, uint seed)
    {
        var library = LoadedLlama.Library;
        using var model = LlamaModel.Load(library, paths, new ModelLoadOptions(), null, TestContext.Current.CancellationToken);
        using var context = LlamaContext.Create(library, model, new ContextOptions { ContextTokens = ContextTokens, Threads = 1 });
        using var batch = LlamaBatch.Create(library, 512);
        using var sampler = LlamaSampler.Create(library, model, new SamplerSettings { Temperature = temperature, Seed = seed });
        var tokens = model.Tokenize(prompt, addSpecial: true, parseSpecial: true);
        var steps = new List<(int, ulong)>();
        for (var at = 0; at < tokens.Length;)
        {
            batch.Clear();
            for (; batch.Count < 512 && at < tokens.Length; at++) batch.Add(tokens[at], at, 0, at == tokens.Length - 1);
            Assert.Equal(DecodeResult.Done, context.Decode(batch));
        }
        for (var position = tokens.Length; ; position++)
        {
            var token = sampler.Sample(context, -1);
            steps.Add((token, LogitMath.Hash(context.Logits(-1))));
            if (steps.Count == Tokens) return steps;
            batch.Clear();
            batch.Add(token, position, 0, wantLogits: true);
            Assert.Equal(DecodeResult.Done, context.Decode(batch));
        }
    }

    private static async Task<List<(int Token, ulong Hash)>> ThroughRunnerAsync(IReadOnlyList<string> paths, string prompt, float temperature, uint seed)
    {
        using var folder = new TempFolder();
        await using var runner = await LoadedAsync(folder, paths);
        return await AnswerAsync(runner, prompt, temperature, seed);
    }

    private static async Task<Runner> LoadedAsync(TempFolder folder, IReadOnlyList<string> paths)
    {
        var runner = await Runner.StartAsync(TestModels.Start(folder), null, TimeProvider.System, TestContext.Current.CancellationToken);
        await runner.LoadAsync(new LoadCommand { Paths = paths, ContextTokens = ContextTokens, Threads = 1 }, null, TestContext.Current.CancellationToken);
        return runner;
    }

    private static async Task<List<(int Token, ulong Hash)>> AnswerAsync(Runner runner, string prompt, float temperature, uint seed)
    {
        var request = new GenerationRequest
        {
            Text = prompt,
            MaxTokens = Tokens,
            IgnoreEos = true,
            LogitHashes = true,
            Sampling = new SamplingOptions { Temperature = temperature, Seed = seed, TopK = 0, TopP = 1, MinP = 0 },
        };
        var steps = new List<(int, ulong)>();
        await foreach (var told in runner.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            if (told is TokensGenerated generated) steps.AddRange(generated.Tokens.Select(static token => (token.Id, token.LogitHash!.Value)));
        }
        return steps;
    }
}
