using Stoker.Core.Errors;
using Stoker.Core.Formats.Safetensors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// Which files of a repository belong to a model that is kept whole: what patterns say, else its safetensors (where an index names
/// shards, those and no others beside it) and everything that is no copy of the weights in another format.
/// </summary>
public static class RepositoryChoice
{
    /// <summary>How an index of shards is called; what stands before it is the model's own name.</summary>
    public const string IndexEnding = ".safetensors.index.json";

    private const int MaxIndexes = 32;

    /// <summary>The largest index that is read.</summary>
    internal const int MaxIndexBytes = 16 << 20;

    // The same weights again, for other programs.
    private static readonly string[] OtherWeights =
    [
        ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".onnx_data", ".gguf", ".ggml", ".tflite", ".ot", ".pb", ".mlmodel", ".mlpackage", ".nemo", ".npz", ".llamafile",
    ];

    private static readonly string[] TokenizerBeginnings = ["tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "spiece", "sentencepiece"];

    /// <summary>It is kept whole when patterns ask for it, or when it has safetensors and no model that could be run.</summary>
    public static bool IsWhole(PullOptions options, IReadOnlyList<RepositoryFile> files) => !options.MustRun
        && (options.Selection is not null || (files.Any(static file => IsSafetensors(file.Path)) && GgufChoice.Candidates(files, out _).Count == 0));

    /// <summary><see cref="Choose"/>, after reading the indexes that it needs.</summary>
    internal static async Task<IReadOnlyList<RepositoryFile>> ChooseAsync(
        string repo, IReadOnlyList<RepositoryFile> files, PullOptions options, Func<string, Task<byte[]>> read)
    {
        var indexes = new Dictionary<string, SafetensorsIndex>(StringComparer.Ordinal);
        var wanted = options.Selection is null ? files.Where(static file => file.Path.EndsWith(IndexEnding, StringComparison.Ordinal)).Take(MaxIndexes) : [];
        foreach (var file in wanted)
        {
            indexes[file.Path] = SafetensorsIndex.Parse(await read(file.Path));
        }
        return Choose(repo, files, options.Selection, indexes);
    }

    /// <summary>The wanted files, weights first, each group in order of names.</summary>
    /// <param name="repo">For messages.</param>
    /// <param name="files">The whole tree.</param>
    /// <param name="selection">Patterns, or null.</param>
    /// <param name="indexes">Of shards, by path; without patterns all that the tree has.</param>
    /// <exception cref="StokerException">NotFound: nothing matches, or a shard that an index names is missing.</exception>
    public static IReadOnlyList<RepositoryFile> Choose(string repo, IReadOnlyList<RepositoryFile> files, FileSelection? selection, IReadOnlyDictionary<string, SafetensorsIndex> indexes)
    {
        var chosen = selection is null ? Whole(repo, files, indexes) : [.. files.Where(file => selection.Wants(file.Path))];
        if (chosen.Count == 0)
            throw new StokerException(ErrorKind.NotFound, $"{repo} has no file that these patterns want. It has: {Offer(files)}.");
        return [.. chosen.OrderBy(static file => RoleOf(file.Path) == FileRole.Weights ? 0 : 1).ThenBy(static file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>What a file is to the model, as its name tells.</summary>
    public static FileRole RoleOf(string path)
    {
        var name = path[(path.LastIndexOf('/') + 1)..].ToLowerInvariant();
        if (IsSafetensors(name) || IsOtherWeights(name)) return FileRole.Weights;
        if (name.StartsWith("license", StringComparison.Ordinal) || name.StartsWith("licence", StringComparison.Ordinal)) return FileRole.License;
        if (name.StartsWith("chat_template", StringComparison.Ordinal) || name.EndsWith(".jinja", StringComparison.Ordinal)) return FileRole.Template;
        if (name.EndsWith(".model", StringComparison.Ordinal) || TokenizerBeginnings.Any(beginning => name.StartsWith(beginning, StringComparison.Ordinal))) return FileRole.Tokenizer;
        return name.EndsWith("config.json", StringComparison.Ordinal) ? FileRole.Config : FileRole.Other;
    }

    private static List<RepositoryFile> Whole(string repo, IReadOnlyList<RepositoryFile> files, IReadOnlyDictionary<string, SafetensorsIndex> indexes)
    {
        var shards = new HashSet<string>(StringComparer.Ordinal);
        var indexed = new HashSet<string>(StringComparer.Ordinal);
        var there = files.Select(static file => file.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var (path, index) in indexes)
        {
            var folder = FolderOf(path);
            indexed.Add(folder);
            shards.UnionWith(index.Files.Select(shard => folder + shard));
            var absent = index.Files.Where(shard => !there.Contains(folder + shard)).ToList();
            if (absent.Count > 0)
                throw new StokerException(ErrorKind.NotFound, $"{repo} lacks {absent.Count} of the {index.Files.Count} shards that {Printable.Short(path)} names, the first of them {Printable.Short(absent[0])}.");
        }
        return [.. files.Where(file => IsSafetensors(file.Path)
            ? !indexed.Contains(FolderOf(file.Path)) || shards.Contains(file.Path)
            : !IsOtherWeights(file.Path) && !file.Path.StartsWith("original/", StringComparison.Ordinal))];
    }

    private static bool IsSafetensors(string path) => path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase);

    private static bool IsOtherWeights(string path) => OtherWeights.Any(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    private static string FolderOf(string path) => path[..(path.LastIndexOf('/') + 1)];

    private static string Offer(IReadOnlyList<RepositoryFile> files) => Printable.Short(string.Join(", ", files.Select(static file => file.Path).Order(StringComparer.Ordinal)), 400);
}
