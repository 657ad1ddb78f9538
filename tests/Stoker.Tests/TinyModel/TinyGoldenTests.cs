using System.Text.Json;

namespace Stoker.Tests.TinyModel;

/// <summary>
/// The runtime against what the training framework computes from the same F16 weights in F32: goldens.json, written by
/// tools/TinyModel/goldens.py.
/// </summary>
public sealed class TinyGoldenTests(TinyFiles files, ITestOutputHelper output) : IClassFixture<TinyFiles>
{
    private static readonly JsonElement Goldens = TinyFiles.Json("goldens.json");

    [Fact]
    public void Tokens_AreThoseOfTraining()
    {
        using var runtime = new TinyRuntime(files.F32);
        foreach (var text in Goldens.GetProperty("tokenizer").EnumerateArray())
        {
            Assert.Equal(Integers(text, "ids"), runtime.Model.Tokenize(text.GetProperty("text").GetString()!, addSpecial: true, parseSpecial: false));
        }
        foreach (var prompt in Goldens.GetProperty("prompts").EnumerateArray())
        {
            Assert.Equal(Integers(prompt, "ids"), runtime.Model.Tokenize(prompt.GetProperty("text").GetString()!, addSpecial: true, parseSpecial: true));
        }
    }

    [Fact]
    public void Logits_OfF32_AreThoseOfTraining()
    {
        using var runtime = new TinyRuntime(files.F32);
        var (positions, same, largest) = (0, 0, 0f);
        foreach (var prompt in Goldens.GetProperty("prompts").EnumerateArray())
        {
            var logits = runtime.Logits(Integers(prompt, "ids"));
            var topTokens = prompt.GetProperty("top_ids").EnumerateArray().Select(Integers).ToArray();
            var topLogits = prompt.GetProperty("top_logits").EnumerateArray().Select(static row => row.EnumerateArray().Select(static logit => logit.GetSingle()).ToArray()).ToArray();
            for (var i = 0; i < logits.Length; i++)
            {
                for (var rank = 0; rank < topTokens[i].Length; rank++) largest = Math.Max(largest, Math.Abs(topLogits[i][rank] - logits[i][topTokens[i][rank]]));
                if (topLogits[i][0] - topLogits[i][1] < 1e-3f) continue;
                positions++;
                if (Array.IndexOf(logits[i], logits[i].Max()) == topTokens[i][0]) same++;
            }
        }
        output.WriteLine($"{same} of {positions} top tokens are the same; the largest difference of a top-5 logit is {largest:E2}");
        Assert.True(positions > 3000, $"Only {positions} positions were compared.");
        Assert.True(same >= 0.999 * positions, $"{same} of {positions} top tokens are the same.");
        Assert.True(largest < 0.05, $"A logit differs by {largest}.");
    }

    [Fact]
    public void Perplexity_OfTheShippedQ8_IsWithinTwoPercentOfF32()
    {
        var f32 = Perplexity(files.F32);
        var q8 = Perplexity(TinyFiles.Shipped);
        var framework = Math.Exp(-Goldens.GetProperty("prompts").EnumerateArray().SelectMany(static prompt => prompt.GetProperty("next_logprob").EnumerateArray()).Average(static value => value.GetDouble()));
        output.WriteLine($"perplexity: training framework {framework:F5}, F32 {f32:F5}, Q8_0 {q8:F5} ({100 * ((q8 / f32) - 1):F3} %)");
        Assert.InRange(f32 / framework, 0.999, 1.001);
        Assert.InRange(q8 / f32, 0.98, 1.02);
    }

    private static double Perplexity(string path)
    {
        using var runtime = new TinyRuntime(path);
        var (sum, count) = (0.0, 0);
        foreach (var prompt in Goldens.GetProperty("prompts").EnumerateArray())
        {
            var tokens = Integers(prompt, "ids");
            var logits = runtime.Logits(tokens);
            for (var i = 0; i + 1 < tokens.Length; i++, count++)
            {
                var most = (double)logits[i].Max();
                sum += most + Math.Log(logits[i].Sum(logit => Math.Exp(logit - most))) - logits[i][tokens[i + 1]];
            }
        }
        return Math.Exp(sum / count);
    }

    private static int[] Integers(JsonElement element, string name) => Integers(element.GetProperty(name));

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(static value => value.GetInt32())];
}
