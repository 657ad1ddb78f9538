using System.Text.RegularExpressions;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;

namespace Stoker.Supply.Sources;

/// <summary>
/// Which of a repository's files make the model that was asked for. Pure. <c>-00001-of-0000N</c> is one model; projectors
/// (<c>mmproj</c>) and importance matrices are no models.
/// </summary>
public static partial class GgufChoice
{
    /// <summary>What is taken when nobody says: the first of these that the repository has, else its smallest model.</summary>
    public static readonly IReadOnlyList<string> DefaultOrder =
    [
        "Q4_K_M", "Q4_K_L", "Q4_K_XL", "Q4_K_S", "IQ4_NL", "IQ4_XS", "MXFP4", "MXFP4_MOE", "Q4_1", "Q4_0", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q6_K", "Q8_0",
        "Q3_K_M", "Q3_K_L", "Q3_K_S", "Q2_K", "F16", "BF16", "F32",
    ];

    /// <summary>One model of a repository.</summary>
    /// <param name="Quant">Upper case, or null when the name does not tell.</param>
    /// <param name="Files">In the order of their split numbers.</param>
    public sealed record Candidate(string? Quant, IReadOnlyList<RepositoryFile> Files)
    {
        public long SizeBytes => Files.Sum(static file => file.SizeBytes);
    }

    /// <summary>All models of a repository. A split model that lacks parts is left out of them and told in <paramref name="incomplete"/>.</summary>
    public static IReadOnlyList<Candidate> Candidates(IEnumerable<RepositoryFile> files, out IReadOnlyList<string> incomplete)
    {
        var missing = new List<string>();
        var found = new List<Candidate>();
        var splits = new Dictionary<(string Stem, int Count), SortedDictionary<int, RepositoryFile>>();
        foreach (var file in files.Where(static file => IsModel(file.Path)))
        {
            if (GgufSplit.TryParse(file.Path, out var split))
            {
                var key = (split.Prefix, split.Count);
                if (!splits.TryGetValue(key, out var parts)) splits[key] = parts = [];
                parts[split.Number] = file;
            }
            else
            {
                found.Add(new Candidate(QuantOf(file.Path), [file]));
            }
        }
        foreach (var ((stem, count), parts) in splits)
        {
            if (parts.Count == count && parts.Keys.First() == 1 && parts.Keys.Last() == count)
                found.Add(new Candidate(QuantOf(stem), [.. parts.Values]));
            else
                missing.Add($"{stem} ({parts.Count} of {count} parts)");
        }
        incomplete = missing;
        return [.. found.OrderBy(static one => one.Files[0].Path.Count(static c => c == '/')).ThenBy(static one => one.Files[0].Path.Length).ThenBy(static one => one.Files[0].Path, StringComparer.Ordinal)];
    }

    /// <summary>The one that was asked for.</summary>
    /// <param name="repo">For messages.</param>
    /// <param name="files">The whole tree.</param>
    /// <param name="quant">As in the reference, or null.</param>
    /// <param name="path">A file of it (any part of a split one), or null.</param>
    /// <exception cref="StokerException">NotFound, with what there is.</exception>
    public static Candidate Choose(string repo, IReadOnlyList<RepositoryFile> files, string? quant, string? path)
    {
        if (path is not null) return ByPath(repo, files, path);
        var all = Candidates(files, out var incomplete);
        if (all.Count == 0)
        {
            var why = incomplete.Count > 0 ? $"only an incomplete one: {Printable.Short(incomplete[0])}"
                : files.Any(static file => file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) ? "only safetensors; look for a repository whose name ends in -GGUF"
                : "none at all";
            throw new StokerException(ErrorKind.NotFound, $"{repo} holds no GGUF model: {why}.");
        }
        if (quant is not null)
        {
            return all.FirstOrDefault(one => one.Quant == quant)
                ?? all.FirstOrDefault(one => one.Quant == "UD-" + quant)
                ?? throw new StokerException(ErrorKind.NotFound, $"{repo} has no {Printable.Short(quant)}. It has: {Offer(all)}.");
        }
        foreach (var wanted in DefaultOrder)
        {
            if ((all.FirstOrDefault(one => one.Quant == wanted) ?? all.FirstOrDefault(one => one.Quant == "UD-" + wanted)) is { } chosen) return chosen;
        }
        return all.MinBy(static one => one.SizeBytes)!;
    }

    /// <summary>The quantisation that a file's name (or its folder's) tells, in upper case, or null.</summary>
    public static string? QuantOf(string path)
    {
        var parts = path.Split('/');
        for (var i = parts.Length - 1; i >= 0; i--)
        {
            var name = parts[i].EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? parts[i][..^5] : parts[i];
            var matches = Quant().Matches(name);
            if (matches.Count > 0) return matches[^1].Groups["quant"].Value.ToUpperInvariant();
        }
        return null;
    }

    private static Candidate ByPath(string repo, IReadOnlyList<RepositoryFile> files, string path)
    {
        var file = files.FirstOrDefault(one => one.Path == path)
            ?? throw new StokerException(ErrorKind.NotFound, $"{repo} has no file {Printable.Short(path)}. It has: {Offer(Candidates(files, out _))}.");
        if (!GgufSplit.TryParse(path, out var split)) return new Candidate(QuantOf(path), [file]);
        var parts = Enumerable.Range(1, split.Count).Select(number => split.NameOf(number)).ToList();
        var byPath = files.ToDictionary(static one => one.Path, StringComparer.Ordinal);
        var absent = parts.Where(part => !byPath.ContainsKey(part)).ToList();
        if (absent.Count > 0) throw new StokerException(ErrorKind.NotFound, $"{repo} lacks {absent.Count} of the {split.Count} parts of {Printable.Short(split.Prefix)}, the first of them {Printable.Short(absent[0])}.");
        return new Candidate(QuantOf(split.Prefix), [.. parts.Select(part => byPath[part])]);
    }

    private static bool IsModel(string path)
    {
        if (!path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) return false;
        var name = path[(path.LastIndexOf('/') + 1)..];
        return !name.Contains("mmproj", StringComparison.OrdinalIgnoreCase) && !name.Contains("imatrix", StringComparison.OrdinalIgnoreCase);
    }

    private static string Offer(IReadOnlyList<Candidate> all) =>
        Printable.Short(string.Join(", ", all.Select(static one => one.Quant ?? one.Files[0].Path).Distinct().Order(StringComparer.Ordinal)), 400);

    [GeneratedRegex("(^|[-._])(?<quant>(UD-)?(IQ[1-8]_[A-Z0-9]+(_[A-Z0-9]+)*|T?Q[1-8](_[A-Z0-9]+)*|BF16|FP?16|FP?32|MXFP4(_MOE)?))(?=$|[-.])", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quant();
}

/// <summary>A file of a repository, as the hub lists it.</summary>
/// <param name="Path">Checked: relative and safe.</param>
/// <param name="SizeBytes">Of the content, not of a pointer.</param>
/// <param name="Sha256">Of an LFS file.</param>
/// <param name="GitSha1">Of a small one.</param>
public sealed record RepositoryFile(string Path, long SizeBytes, Core.Models.Digest? Sha256, string? GitSha1);
