using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>
/// The manifests of pulled models, one JSON file each, replaced whole. Read once, then answered from memory: the owner's process
/// is the only writer. Thread-safe.
/// </summary>
public sealed class ManifestStore
{
    /// <summary>No manifest is larger; a larger file is not read.</summary>
    public const int MaxBytes = 4 << 20;

    private const int Version = 1;
    private readonly string _root;
    private readonly Lock _gate = new();
    private readonly List<string> _broken = [];
    private Dictionary<string, ModelManifest>? _byPath;

    public ManifestStore(string home) => _root = Path.Combine(Path.GetFullPath(home), "manifests");

    /// <summary>All manifests, newest first.</summary>
    public IReadOnlyList<ModelManifest> List()
    {
        lock (_gate) return [.. Loaded().Values.OrderByDescending(static model => model.PulledAt).ThenBy(static model => model.Name, StringComparer.Ordinal)];
    }

    /// <summary>Files that should be manifests and are not, with the reason; for <c>stoker health</c>.</summary>
    public IReadOnlyList<string> Broken()
    {
        lock (_gate)
        {
            Loaded();
            return [.. _broken];
        }
    }

    /// <summary>The manifest of that name or alias, or null. A name counts before an alias.</summary>
    public ModelManifest? Find(string name)
    {
        lock (_gate)
        {
            var all = Loaded().Values;
            return all.FirstOrDefault(model => model.Name == name)
                ?? all.FirstOrDefault(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? all.FirstOrDefault(model => model.Aliases.Contains(name, StringComparer.OrdinalIgnoreCase));
        }
    }

    /// <summary>
    /// Writes durably. A manifest of the same name is replaced; its aliases are kept, and no other manifest keeps an alias that
    /// now means this one.
    /// </summary>
    /// <returns>What was written.</returns>
    public ModelManifest Write(ModelManifest manifest)
    {
        lock (_gate)
        {
            var all = Loaded();
            var path = PathOf(manifest);
            var before = all.GetValueOrDefault(path);
            var aliases = manifest.Aliases.Concat(before?.Aliases ?? []).Where(alias => alias != manifest.Name).Distinct(StringComparer.OrdinalIgnoreCase);
            var written = manifest with { Aliases = [.. aliases], Files = [.. manifest.Files.Select(WithoutQueries)] };
            Save(path, written);
            foreach (var (otherPath, other) in all.ToArray())
            {
                if (otherPath == path || !other.Aliases.Any(alias => written.Aliases.Contains(alias, StringComparer.OrdinalIgnoreCase))) continue;
                Save(otherPath, other with { Aliases = [.. other.Aliases.Except(written.Aliases, StringComparer.OrdinalIgnoreCase)] });
            }
            return written;
        }
    }

    /// <summary>Removes durably. False when it was not there.</summary>
    public bool Remove(ModelManifest manifest)
    {
        lock (_gate)
        {
            var path = PathOf(manifest);
            if (!Loaded().Remove(path)) return false;
            try
            {
                return DurableFile.Remove(path);
            }
            catch (Exception refused) when (DiskErrors.IsDiskError(refused))
            {
                throw DiskErrors.Wrap(refused, "A manifest could not be removed", path);
            }
        }
    }

    /// <summary>Every digest that a manifest names.</summary>
    public IReadOnlySet<Digest> ReferencedDigests()
    {
        lock (_gate)
        {
            return Loaded().Values.SelectMany(static model => model.Files)
                .Where(static file => file.Digest is not null).Select(static file => file.Digest!.Value).ToHashSet();
        }
    }

    /// <summary>
    /// The manifest with the digests of files that only git's name is known of, where a kept model has that very file: then it need
    /// not be fetched to be known.
    /// </summary>
    public ModelManifest WithKnownDigests(ModelManifest manifest)
    {
        var named = manifest.Files.Where(static file => file.Digest is null && file.GitSha1 is not null).Select(static file => file.GitSha1!).ToHashSet(StringComparer.Ordinal);
        if (named.Count == 0) return manifest;
        lock (_gate)
        {
            var known = Loaded().Values.SelectMany(static model => model.Files).Where(file => file.GitSha1 is not null && named.Contains(file.GitSha1))
                .GroupBy(static file => file.GitSha1!).ToDictionary(static group => group.Key, static group => group.First().Digest);
            return manifest with { Files = [.. manifest.Files.Select(file => file.GitSha1 is { } git && known.TryGetValue(git, out var digest) ? file with { Digest = file.Digest ?? digest } : file)] };
        }
    }

    // A query may sign its address, or hold a key under whatever name; a pull brings its own, so none is written down.
    private static ManifestFile WithoutQueries(ManifestFile file) =>
        file with { Origins = [.. file.Origins.Select(static address => new Uri(address.GetLeftPart(UriPartial.Path)))] };

    private void Save(string path, ModelManifest manifest)
    {
        try
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(new StoredManifest(Version, manifest), ManifestJson.Default.StoredManifest);
            DurableFile.Replace(path, json);
            _byPath![path] = manifest;
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            throw DiskErrors.Wrap(refused, "A manifest could not be written", path);
        }
    }

    private Dictionary<string, ModelManifest> Loaded()
    {
        if (_byPath is not null) return _byPath;
        var found = new Dictionary<string, ModelManifest>(StringComparer.Ordinal);
        if (Directory.Exists(_root))
        {
            foreach (var path in Directory.EnumerateFiles(_root, "*.json", SearchOption.AllDirectories))
            {
                if (Path.GetFileName(path).StartsWith('.')) continue;
                if (TryRead(path, out var manifest, out var reason)) found[path] = manifest!;
                else _broken.Add($"{path}: {reason}");
            }
        }
        return _byPath = found;
    }

    private bool TryRead(string path, out ModelManifest? manifest, out string reason)
    {
        manifest = null;
        reason = "";
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > MaxBytes) { reason = $"larger than {MaxBytes} bytes"; return false; }
            var stored = JsonSerializer.Deserialize(stream, ManifestJson.Default.StoredManifest);
            if (stored?.Model is null || stored.Version != Version) { reason = "not a manifest of this version"; return false; }
            stored = stored with { Model = Whole(stored.Model) };
            if (WhyNot(stored.Model) is { } wrong) { reason = wrong; return false; }
            if (PathOf(stored.Model) != path) { reason = "it names another model than its path"; return false; }
            manifest = stored.Model;
            return true;
        }
        catch (Exception unreadable) when (unreadable is JsonException || DiskErrors.IsDiskError(unreadable))
        {
            reason = Printable.Short(unreadable.Message, 200);
            return false;
        }
    }

    // Lists that a hand-written manifest leaves out: generated JSON code makes them null, whatever the types say.
    private static ModelManifest Whole(ModelManifest model) => model with
    {
        Aliases = model.Aliases ?? [],
        Files = [.. model.Files.Select(static file => file is null ? file! : file with { Origins = file.Origins ?? [] })],
        Selection = model.Selection is { } selection ? new FileSelection(selection.Include ?? [], selection.Exclude ?? []) : null,
        Defaults = model.Defaults is { } defaults ? defaults with { Stop = defaults.Stop ?? [] } : null,
    };

    // Whoever edits a manifest by hand cannot make us read or write outside the store by it.
    private static string? WhyNot(ModelManifest model)
    {
        if (model.Files.Count == 0) return "it has no files";
        foreach (var file in model.Files)
        {
            if (file is null) return "a file of it is nothing"; // JSON may say so whatever the types say
            if (SafeName.WhyNotRelativePath(file.Name) is { } reason) return $"its file '{Printable.Short(file.Name, 60)}' is refused: {reason}";
            if (file.Digest is null || file.SizeBytes is null or < 0) return $"its file '{Printable.Short(file.Name, 60)}' has no digest or size";
        }
        return model.Name.Length == 0 ? "it has no name" : null;
    }

    private string PathOf(ModelManifest manifest) => Path.Combine(_root, ManifestPath.Of(manifest.Source, manifest.Name));
}

internal sealed record StoredManifest(int Version, ModelManifest Model);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(StoredManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
