using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Decoding;

public sealed class SamplingRulesTests
{
    [Fact]
    public void Resolve_Nothing_IsTheDocumentedDefaults()
    {
        var settings = SamplingRules.Resolve(new SamplingOptions(), null, 8192, static () => 99);
        Assert.Equal((0.8f, 40, 0.95f, 0.05f, 1f), (settings.Temperature, settings.TopK, settings.TopP, settings.MinP, settings.RepeatPenalty));
        Assert.Equal((64, 99u), (settings.PenaltyLastTokens, settings.Seed));
    }

    [Fact]
    public void Resolve_LastTokensMinusOne_IsTheContext() =>
        Assert.Equal(8192, SamplingRules.Resolve(new SamplingOptions { RepeatLastN = -1 }, null, 8192, static () => 0).PenaltyLastTokens);

    [Fact]
    public void Resolve_SeedThatMeansRandomToTheLibrary_IsReplaced() =>
        Assert.Equal(5u, SamplingRules.Resolve(new SamplingOptions { Seed = uint.MaxValue }, null, 8192, static () => 5).Seed);

    [Fact]
    public void Resolve_OutOfRange_NamesEveryProblem()
    {
        var wrong = new SamplingOptions { Temperature = float.NaN, TopP = 0, MinP = 2, RepeatPenalty = 0, PresencePenalty = -3, FrequencyPenalty = 3, TopK = -1, RepeatLastN = -2 };
        var error = Assert.Throws<StokerException>(() => SamplingRules.Resolve(wrong, null, 8192, static () => 0));
        Assert.Equal(ErrorKind.InvalidInput, error.Kind);
        foreach (var name in new[] { "temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "top_k", "repeat_last_n" })
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Top_IsSortedAndStable() => Assert.Equal([1, 3, 0], LogitMath.Top([1f, 5f, -2f, 5f], 3));

    [Fact]
    public void LogSumExp_MakesProbabilitiesThatSumToOne()
    {
        float[] logits = [1000f, 999f, 998f, float.NegativeInfinity];
        var total = LogitMath.LogSumExp(logits);
        Assert.Equal(1, logits.Sum(logit => Math.Exp(logit - total)), 9);
    }

    [Fact]
    public void Hash_OneBitElsewhere_IsAnother()
    {
        var row = Enumerable.Range(0, 1000).Select(static i => i * 0.1f).ToArray();
        var hash = LogitMath.Hash(row);
        row[500] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(row[500]) ^ 1);
        Assert.NotEqual(hash, LogitMath.Hash(row));
    }

    [Theory]
    [InlineData(0, 8192, 8192)]
    [InlineData(2048, null, 2048)]
    [InlineData(131072, null, 8192)]
    public void ContextTokens_Default_IsTheSmallerOfTrainedAnd8192(int trained, int? asked, int expected) =>
        Assert.Equal(expected, RunnerModel.ContextTokens(asked, trained));
}
