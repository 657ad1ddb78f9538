using System.Globalization;
using Stoker.Core.Progress;

namespace Stoker.Cli.Output;

/// <summary>Collects what every step took and writes it as one line: from the reference to the last token.</summary>
public sealed class TimeLine
{
    private readonly SortedDictionary<Stage, (double Ms, long Bytes, string? Note)> _stages = [];

    /// <summary>From sending the request to the first piece of text, as the client saw it.</summary>
    public TimeSpan? FirstToken { get; set; }

    public int GeneratedTokens { get; set; }

    public double TokensPerSecond { get; set; }

    public int PromptTokens { get; set; }

    /// <summary>Of the prompt's tokens, those that needed no work.</summary>
    public int CachedTokens { get; set; }

    public uint? Seed { get; set; }

    /// <summary>Takes reports in any order; of each step and item the last one counts.</summary>
    public void Take(IEnumerable<StageProgress> reports)
    {
        var latest = reports.GroupBy(static report => (report.Stage, report.Item)).Select(static group => group.Last());
        foreach (var group in latest.GroupBy(static report => report.Stage))
        {
            var whole = group.LastOrDefault(static report => report.Item is null);
            _stages[group.Key] = whole is not null
                ? (whole.ElapsedMs, whole.DoneBytes, whole.Note)
                : (group.Max(static report => report.ElapsedMs), group.Sum(static report => report.DoneBytes), group.Select(static report => report.Note).LastOrDefault(static note => note is not null));
        }
    }

    public string Compose()
    {
        var parts = new List<string>();
        foreach (var (stage, (ms, bytes, note)) in _stages)
        {
            if (stage == Stage.FirstToken && FirstToken is not null) continue;
            List<string> remarks = [];
            if (bytes > 0) remarks.Add(Units.Bytes(bytes));
            if (stage is Stage.Fetch && bytes > 0 && ms > 0) remarks.Add(Units.Rate(bytes / ms * 1000));
            if (note is { Length: > 0 }) remarks.Add(note);
            parts.Add($"{Name(stage)} {Units.Duration(TimeSpan.FromMilliseconds(ms))}{(remarks.Count > 0 ? $" ({string.Join(", ", remarks)})" : "")}");
        }
        if (FirstToken is { } first) parts.Add($"first token {Units.Duration(first)}");
        if (PromptTokens > 0) parts.Add($"prompt {Units.Count(PromptTokens, "token")}");
        if (GeneratedTokens > 0)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"answer {Units.Count(GeneratedTokens, "token")}{(TokensPerSecond > 0 ? $", {TokensPerSecond:0.0} tokens/s" : "")}"));
        if (Seed is { } seed) parts.Add(string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
        if (CachedTokens > 0) parts.Add($"{Units.Count(CachedTokens, "token")} kept");
        return string.Join(" | ", parts);
    }

    private static string Name(Stage stage) => stage switch
    {
        Stage.MakeRoom => "make room",
        Stage.FirstToken => "first token",
        _ => stage.ToString().ToLowerInvariant(),
    };
}
