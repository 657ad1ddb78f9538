using System.Security.Cryptography;
using System.Text;
using Stoker.Engine.Protocol;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary>From the engine's words to OpenAI's. Pure, but for <see cref="NewId"/>.</summary>
internal static class Words
{
    // JSON has no infinity; below this a probability is nothing.
    private const double LeastLogProb = -9999;

    public static string NewId(string prefix) => prefix + RandomNumberGenerator.GetHexString(24, lowercase: true);

    public static string Of(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "A reason without a word."),
    };

    public static Usage UsageOf(GenerationUsage usage) =>
        new(usage.PromptTokens, usage.GeneratedTokens, usage.PromptTokens + usage.GeneratedTokens)
        {
            PromptTokensDetails = new PromptTokensDetails(usage.CachedTokens),
        };

    public static Timings TimingsOf(GenerationUsage usage) => new()
    {
        PromptN = usage.PromptTokens - usage.CachedTokens,
        CacheN = usage.CachedTokens,
        PromptMs = usage.PrefillMs,
        PredictedN = usage.GeneratedTokens,
        PredictedMs = usage.DecodeMs,
        PredictedPerSecond = usage.DecodeMs > 0 ? usage.GeneratedTokens * 1000 / usage.DecodeMs : 0,
        Seed = usage.Seed,
    };

    public static ChatLogProbs ChatLogProbsOf(IEnumerable<TokenSample> tokens) => new([.. tokens.Select(ChatToken)]);

    /// <param name="textOffset">Where the first of the tokens begins in the answer.</param>
    public static CompletionLogProbs CompletionLogProbsOf(IReadOnlyList<TokenSample> tokens, int textOffset)
    {
        var texts = tokens.Select(static token => TextOf(token.Bytes)).ToArray();
        var offsets = new int[texts.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            offsets[i] = textOffset;
            textOffset += texts[i].Length;
        }
        return new CompletionLogProbs
        {
            Tokens = texts,
            TokenLogprobs = [.. tokens.Select(static token => Bounded(token.LogProb))],
            TopLogprobs = [.. tokens.Select(Alternatives)],
            TextOffset = offsets,
            TokenIds = [.. tokens.Select(static token => token.Id)],
            LogitHashes = tokens.All(static token => token.LogitHash is not null) && tokens.Count > 0 ? [.. tokens.Select(static token => Hash(token)!)] : null,
        };
    }

    private static TokenLogProb ChatToken(TokenSample token) => new(TextOf(token.Bytes), Bounded(token.LogProb), Numbers(token.Bytes))
    {
        TokenId = token.Id,
        LogitHash = Hash(token),
        TopLogprobs = [.. (token.Top ?? []).Select(static other => new TokenLogProb(TextOf(other.Bytes), Bounded(other.LogProb), Numbers(other.Bytes)) { TokenId = other.Id })],
    };

    private static Dictionary<string, double> Alternatives(TokenSample token)
    {
        var alternatives = new Dictionary<string, double>();
        // Two pieces of characters may print alike; the likelier one, which comes first, stays.
        foreach (var other in token.Top ?? []) alternatives.TryAdd(TextOf(other.Bytes), Bounded(other.LogProb));
        return alternatives;
    }

    private static string TextOf(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private static int[] Numbers(byte[] bytes) => Array.ConvertAll(bytes, static value => (int)value);

    private static double Bounded(float? logProb) => logProb is { } value && value > LeastLogProb ? value : LeastLogProb;

    private static string? Hash(TokenSample token) => token.LogitHash?.ToString("x16");
}
