using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;

namespace Stoker.Core.Models;

/// <summary>
/// The registry of short names: a JSON file beside the program, and the user's own (<c>models.json</c> in the home folder),
/// whose entries replace it name by name. Immutable.
/// </summary>
public sealed class ShortNames
{
    /// <summary>Path of the shipped file, relative to the program's folder.</summary>
    public const string ShippedFile = "models/short-names.json";

    /// <summary>Name of the user's file in <c>STOKER_HOME</c>.</summary>
    public const string UserFile = "models.json";

    private const int MaxFileBytes = 1 << 20;
    private readonly Dictionary<string, ShortName> _models;

    private ShortNames(Dictionary<string, ShortName> models) => _models = models;

    /// <summary>All names, in order of the alphabet.</summary>
    public IReadOnlyList<string> Names => [.. _models.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Reads both files; a file that is absent counts as empty.</summary>
    /// <exception cref="StokerException">InvalidInput: a file that is no registry, with its path and the place in it.</exception>
    public static ShortNames Load(string programFolder, string? home)
    {
        var models = new Dictionary<string, ShortName>(StringComparer.OrdinalIgnoreCase);
        Merge(models, Path.Combine(programFolder, ShippedFile));
        if (home is not null) Merge(models, Path.Combine(home, UserFile));
        return new ShortNames(models);
    }

    /// <summary>What a short name means, or null. Follows <c>sameAs</c>.</summary>
    public ShortName? Find(ShortReference reference)
    {
        var key = reference.Canonical;
        for (var hops = 0; hops < 4; hops++)
        {
            if (!_models.TryGetValue(key, out var found)) return null;
            if (found.SameAs is null) return found;
            key = found.SameAs;
        }
        return null;
    }

    /// <summary>Names that share the beginning of an unknown one, for a message.</summary>
    public IReadOnlyList<string> Near(string name)
    {
        var head = name.Split(':')[0];
        head = head[..Math.Min(head.Length, 3)];
        return [.. Names.Where(known => known.StartsWith(head, StringComparison.OrdinalIgnoreCase)).Take(6)];
    }

    private static void Merge(Dictionary<string, ShortName> models, string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) return;
        if (file.Length > MaxFileBytes) throw new StokerException(ErrorKind.InvalidInput, $"The registry of short names {path} is over {MaxFileBytes} bytes.");
        ShortNameFile? parsed;
        try
        {
            using var stream = file.OpenRead();
            parsed = JsonSerializer.Deserialize(stream, ShortNameJson.Default.ShortNameFile);
        }
        catch (JsonException broken)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"The registry of short names {path} is not valid: {Printable.Short(broken.Message, 200)}", broken);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"The registry of short names {path} cannot be read: {refused.Message}", refused);
        }
        foreach (var (name, entry) in parsed?.Models ?? [])
        {
            Check(path, name, entry);
            models[name] = entry;
        }
    }

    private static void Check(string path, string name, ShortName? entry)
    {
        try
        {
            if (ReferenceParser.Parse(name, ReferencePlaces.Nowhere) is not ShortReference)
                throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(name)}' is not a short name.");
            if (entry is null || (entry.HuggingFace ?? entry.Ollama ?? entry.Builtin ?? entry.SameAs) is null)
                throw new StokerException(ErrorKind.InvalidInput, $"'{name}' names no huggingFace, ollama, builtin or sameAs.");
            if (entry.HuggingFace is not null) _ = entry.HuggingFaceReference();
            if (entry.Ollama is not null) _ = entry.OllamaReference();
            if (entry.Builtin is not null && SafeName.WhyNotRelativePath(entry.Builtin) is { } reason)
                throw new StokerException(ErrorKind.InvalidInput, $"the path '{Printable.Short(entry.Builtin)}' of '{name}' is refused: {reason}.");
        }
        catch (StokerException refused)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"The registry of short names {path} is not valid: {refused.Message}", refused);
        }
    }
}

/// <summary>The registry as its files are now: an edit counts at once, without a new start. Thread-safe.</summary>
public sealed class ShortNamesFile(string programFolder, string? home)
{
    private readonly Lock _gate = new();
    private (DateTime, long, DateTime, long) _seen;
    private ShortNames? _read;

    /// <exception cref="StokerException">InvalidInput, Io: as <see cref="ShortNames.Load"/>.</exception>
    public ShortNames Current()
    {
        var shipped = new FileInfo(Path.Combine(programFolder, ShortNames.ShippedFile));
        var own = home is null ? null : new FileInfo(Path.Combine(home, ShortNames.UserFile));
        var now = (shipped.LastWriteTimeUtc, shipped.Exists ? shipped.Length : -1, own?.LastWriteTimeUtc ?? default, own is { Exists: true } ? own.Length : -1);
        lock (_gate)
        {
            if (_read is not null && now == _seen) return _read;
            _read = ShortNames.Load(programFolder, home);
            _seen = now;
            return _read;
        }
    }
}

/// <summary>What one short name means.</summary>
public sealed record ShortName
{
    /// <summary><c>org/repo[@rev][:QUANT|:file.gguf]</c>.</summary>
    public string? HuggingFace { get; init; }

    /// <summary><c>[namespace/]model[:tag]</c>.</summary>
    public string? Ollama { get; init; }

    /// <summary>A file that ships with the program, relative to its <c>models</c> folder.</summary>
    public string? Builtin { get; init; }

    /// <summary>Another short name that this one stands for.</summary>
    public string? SameAs { get; init; }

    public HuggingFaceReference HuggingFaceReference() =>
        (HuggingFaceReference)ReferenceParser.Parse("hf:" + HuggingFace, ReferencePlaces.Nowhere);

    public OllamaReference OllamaReference() =>
        (OllamaReference)ReferenceParser.Parse("ollama:" + Ollama, ReferencePlaces.Nowhere);
}

internal sealed record ShortNameFile
{
    public int Version { get; init; } = 1;
    public Dictionary<string, ShortName>? Models { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ShortNameFile))]
internal sealed partial class ShortNameJson : JsonSerializerContext;
