using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>One model in one file or in several split parts that belong together. Immutable.</summary>
public sealed class GgufModel
{
    private GgufModel(IReadOnlyList<GgufFile> parts)
    {
        Parts = parts;
        Tensors = [.. parts.SelectMany(static part => part.Tensors)];
    }

    /// <summary>The files in order; one when the model is not split.</summary>
    public IReadOnlyList<GgufFile> Parts { get; }

    /// <summary>The first part's metadata: that of the model.</summary>
    public GgufMetadata Metadata => Parts[0].Metadata;

    /// <summary>Tensors of all parts.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>False for a vocabulary without weights, which can tokenise but not generate.</summary>
    public bool HasWeights => Tensors.Count > 0;

    /// <summary>Bytes of all files.</summary>
    public long SizeBytes => Parts.Sum(static part => part.SizeBytes);

    /// <summary>Elements of all tensors.</summary>
    public long ParameterCount => Tensors.Sum(static tensor => tensor.Elements);

    /// <summary>What the file says it is ("Q4_K_M"), else the type that most weight bytes have; null without weights.</summary>
    public string? Quantization => Metadata.FileType ?? DominantType?.ToString();

    private GgmlType? DominantType => Tensors.Count == 0 ? null : Tensors
        .GroupBy(static tensor => tensor.Type)
        .MaxBy(static group => group.Sum(static tensor => tensor.SizeBytes))!.Key;

    /// <summary>
    /// Reads the headers of all weight files of a model and checks that they are one model. A single path that is the first
    /// part of a split finds the others beside it.
    /// </summary>
    /// <param name="paths">In order of their numbers. The names need not be split names (blobs have digests for names).</param>
    /// <exception cref="StokerException">NotFound, Io, Unsupported, or Corrupt: a file is damaged, or parts are missing, repeated or of different models.</exception>
    public static GgufModel Open(IReadOnlyList<string> paths)
    {
        if (paths.Count == 0) throw new StokerException(ErrorKind.InvalidInput, "A model has at least one file.");
        var first = GgufFile.Open(paths[0]);
        var count = PartCount(first);
        if (count > 1 && paths.Count == 1 && GgufSplit.TryParse(paths[0], out var split) && split.Count == count)
        {
            paths = [.. Enumerable.Range(1, count).Select(split.NameOf)];
            // Whichever part was named, the first one is where the model begins.
            if (split.Number != 1) first = GgufFile.Open(paths[0]);
        }
        return Join([first, .. paths.Skip(1).Select(GgufFile.Open)]);
    }

    /// <summary>Checks that parts whose headers were read are one model, in order.</summary>
    public static GgufModel Join(IReadOnlyList<GgufFile> parts)
    {
        var count = PartCount(parts[0]);
        if (count != parts.Count)
            throw Broken(parts[0], $"it is part of a model of {count} files, but there are {parts.Count}");
        foreach (var part in parts) GgufShapeCheck.Check(part);
        if (count == 1) return new GgufModel(parts);

        var architecture = parts[0].Metadata.Architecture;
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < parts.Count; i++)
        {
            var metadata = parts[i].Metadata;
            if (metadata.Integer(GgufKeys.SplitNo) is not { } number) throw Broken(parts[i], $"it does not say which part it is ({GgufKeys.SplitNo})");
            if (number != i) throw Broken(parts[i], $"it is part {number + 1}, where part {i + 1} of {count} belongs");
            if (PartCount(parts[i]) != count) throw Broken(parts[i], $"it is of a model of {PartCount(parts[i])} files, the first part of one of {count}");
            if (metadata.Architecture is { } other && other != architecture)
                throw Broken(parts[i], $"its architecture is '{Printable.Short(other)}', the first part's is '{Printable.Short(architecture)}'");
            foreach (var tensor in parts[i].Tensors)
            {
                if (!names.Add(tensor.Name)) throw Broken(parts[i], $"tensor '{Printable.Short(tensor.Name)}' is in an earlier part too");
            }
        }
        var stated = parts[0].Metadata.Integer(GgufKeys.SplitTensors);
        if (stated != names.Count)
            throw Broken(parts[0], $"it announces {stated?.ToString() ?? "no number of"} tensors ({GgufKeys.SplitTensors}), but the parts have {names.Count}");
        return new GgufModel(parts);
    }

    private static int PartCount(GgufFile file) => file.Metadata.Integer(GgufKeys.SplitCount) switch
    {
        null or 0 or 1 => 1,
        > 1 and <= ushort.MaxValue and var count => (int)count,
        var count => throw Broken(file, $"{GgufKeys.SplitCount} is {count}"),
    };

    private static StokerException Broken(GgufFile file, string what) => new(
        ErrorKind.Corrupt,
        $"{Printable.Short(System.IO.Path.GetFileName(file.Path))}: {what}. Fetch all parts of the model again, from one revision.");
}
