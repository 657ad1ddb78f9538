using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>From what a request asks to what the sampler does: defaults filled in, ranges checked. Pure.</summary>
public static class SamplingRules
{
    /// <param name="options">Null values take the defaults that <see cref="SamplingOptions"/> names.</param>
    /// <param name="grammar">GBNF, or null.</param>
    /// <param name="contextTokens">What -1 of RepeatLastN means.</param>
    /// <param name="newSeed">Called when the request has no seed.</param>
    /// <exception cref="StokerException">InvalidInput: all values that are out of range, at once.</exception>
    public static SamplerSettings Resolve(SamplingOptions options, string? grammar, int contextTokens, Func<uint> newSeed)
    {
        var problems = new List<string>();
        var lastTokens = options.RepeatLastN ?? 64;
        var settings = new SamplerSettings
        {
            Temperature = InRange("temperature", options.Temperature ?? 0.8f, 0, 5, problems),
            TopK = (int)InRange("top_k", options.TopK ?? 40, 0, int.MaxValue, problems),
            TopP = InRange("top_p", options.TopP ?? 0.95f, float.Epsilon, 1, problems),
            MinP = InRange("min_p", options.MinP ?? 0.05f, 0, 1, problems),
            RepeatPenalty = InRange("repeat_penalty", options.RepeatPenalty ?? 1, float.Epsilon, 10, problems),
            PresencePenalty = InRange("presence_penalty", options.PresencePenalty ?? 0, -2, 2, problems),
            FrequencyPenalty = InRange("frequency_penalty", options.FrequencyPenalty ?? 0, -2, 2, problems),
            PenaltyLastTokens = Math.Min(contextTokens, lastTokens == -1 ? contextTokens : (int)InRange("repeat_last_n", lastTokens, 0, int.MaxValue, problems)),
            // llama.cpp takes the largest number for "random", and would not tell which.
            Seed = options.Seed is { } seed and not uint.MaxValue ? seed : newSeed(),
            Grammar = grammar,
        };
        if (problems.Count > 0) throw new StokerException(ErrorKind.InvalidInput, string.Join(" ", problems));
        return settings;
    }

    /// <summary>What <see cref="Resolve"/> makes these settings of again, without seed and grammar.</summary>
    public static SamplingOptions Options(SamplerSettings settings) => new()
    {
        Temperature = settings.Temperature,
        TopK = settings.TopK,
        TopP = settings.TopP,
        MinP = settings.MinP,
        RepeatPenalty = settings.RepeatPenalty,
        RepeatLastN = settings.PenaltyLastTokens,
        PresencePenalty = settings.PresencePenalty,
        FrequencyPenalty = settings.FrequencyPenalty,
    };

    private static float InRange(string name, float value, float least, float most, List<string> problems)
    {
        if (value >= least && value <= most) return value; // false for NaN
        var range = most == int.MaxValue ? $"at least {least}" : least == float.Epsilon ? $"above 0 and at most {most}" : $"from {least} to {most}";
        problems.Add($"{name} must be {range}, not {value}.");
        return least;
    }
}
