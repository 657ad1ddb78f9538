using System.IO.Enumeration;
using Stoker.Core.Errors;

namespace Stoker.Core.Models;

/// <summary>
/// Which files of a repository are wanted. In a pattern <c>*</c> stands for any characters, slashes included, and <c>?</c> for one;
/// one that ends in a slash means all below that folder. Immutable.
/// </summary>
/// <param name="Include">What is wanted; empty: everything.</param>
/// <param name="Exclude">What is not, even if included.</param>
public sealed record FileSelection(IReadOnlyList<string> Include, IReadOnlyList<string> Exclude)
{
    private const int MaxPatterns = 64;
    private const int MaxPatternLength = 512;

    /// <summary>Every file.</summary>
    public static FileSelection All { get; } = new([], []);

    /// <summary>From what was typed, or null when nothing was.</summary>
    /// <exception cref="StokerException">InvalidInput: a pattern that means nothing here.</exception>
    public static FileSelection? Of(IReadOnlyList<string>? include, IReadOnlyList<string>? exclude)
    {
        var all = (include ?? []).Concat(exclude ?? []).ToList();
        if (all.Count == 0) return null;
        if (all.Count > MaxPatterns) throw new StokerException(ErrorKind.InvalidInput, $"There are {all.Count} patterns; at most {MaxPatterns} are taken.");
        foreach (var pattern in all)
        {
            var reason = pattern.Length is 0 or > MaxPatternLength ? $"it has {pattern.Length} characters, expected are 1 to {MaxPatternLength}"
                : pattern.AsSpan().ContainsAny('[', ']', '\\') ? "only * and ? stand for other characters"
                : SafeName.WhyNotPrintable(pattern);
            if (reason is not null) throw new StokerException(ErrorKind.InvalidInput, $"The pattern '{Printable.Short(pattern, 80)}' is refused: {reason}.");
        }
        return new FileSelection([.. include ?? []], [.. exclude ?? []]);
    }

    /// <param name="path">Inside the repository, with forward slashes.</param>
    public bool Wants(string path) => (Include.Count == 0 || Matches(Include, path)) && !Matches(Exclude, path);

    private static bool Matches(IReadOnlyList<string> patterns, string path) =>
        patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern.EndsWith('/') ? pattern + "*" : pattern, path, ignoreCase: false));
}
