using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// From a reference to a manifest: the one place that knows every kind of origin. Downloads nothing but small documents.
/// Thread-safe.
/// </summary>
public sealed class ModelResolver(ShortNamesFile names, string programFolder)
{
    public ShortNames Names => names.Current();

    /// <summary>What the reference means now, pinned.</summary>
    /// <exception cref="StokerException">NotFound, Unauthorized, Forbidden, Unsupported, Network, Corrupt.</exception>
    public async Task<ModelManifest> ResolveAsync(ModelReference reference, PullOptions options, SourceSession session, CancellationToken cancellationToken)
    {
        var meant = Meaning(reference, session.Access);
        if (options.Selection is not null && meant is not (HuggingFaceReference or S3Reference))
            throw new StokerException(ErrorKind.InvalidInput, $"{meant} is not a repository with files to choose from: --include and --exclude are for hf:org/repo and s3://bucket/prefix/.");
        var manifest = await ResolveMeantAsync(meant, options, session, cancellationToken);
        var aliases = new[] { reference.ToString(), meant.ToString() }.Where(alias => alias != manifest.Name && manifest.Source is not (ModelSourceKind.Url or ModelSourceKind.File)).Distinct();
        return Expect(manifest, session.Access.ExpectedDigest) with { Aliases = [.. aliases] };
    }

    // To be run, what is on this machine will do; otherwise the origin is asked, and what is here stands in when it cannot be reached.
    private async Task<ModelManifest> ResolveMeantAsync(ModelReference meant, PullOptions options, SourceSession session, CancellationToken cancellationToken)
    {
        if (options.MustRun && await FindLocalAsync(meant, options, session, cancellationToken) is { } here) return here;
        try
        {
            return meant switch
            {
                FileReference file => ResolveFile(file, session.Access.Trust),
                ShortReference named => Builtin(named) ?? throw Unknown(named),
                HuggingFaceReference hub => await HuggingFaceSource.ResolveAsync(hub, options, session, cancellationToken),
                OllamaReference ollama => await OllamaSource.ResolveAsync(ollama, session, Names, cancellationToken),
                UrlReference url => UrlSource.Resolve(url),
                S3Reference s3 => await S3Source.ResolveAsync(s3, options, session, cancellationToken),
                _ => throw new StokerException(ErrorKind.Internal, $"No source knows {meant.GetType().Name}."),
            };
        }
        catch (StokerException unreachable) when (unreachable.Kind is ErrorKind.Network or ErrorKind.Timeout || (session.Access.Offline && unreachable.Kind == ErrorKind.Forbidden))
        {
            if (await FindLocalAsync(meant, options, session, cancellationToken) is { } kept) return kept;
            throw;
        }
    }

    private async Task<ModelManifest?> FindLocalAsync(ModelReference meant, PullOptions options, SourceSession session, CancellationToken cancellationToken)
    {
        foreach (var store in session.LocalStores)
        {
            if (await store.FindModelAsync(meant, options, session, Names, cancellationToken) is { } found) return found;
        }
        return null;
    }

    /// <summary>A short name's meaning in the caller's order of sources; anything else is what it is.</summary>
    public ModelReference Meaning(ModelReference reference, SourceAccess access)
    {
        if (reference is not ShortReference named) return reference;
        var known = Names.Find(named);
        if (known?.Builtin is not null) return named;
        foreach (var source in access.SourceOrder)
        {
            switch (source)
            {
                case ModelSourceKind.HuggingFace when known?.HuggingFace is not null:
                    return known.HuggingFaceReference();
                case ModelSourceKind.Ollama when known?.Ollama is not null:
                    return known.OllamaReference();
                // A name that the registry does not know is asked of Ollama only when the caller chose Ollama first.
                case ModelSourceKind.Ollama when known is null && access.SourceOrder[0] == ModelSourceKind.Ollama:
                    return ModelReference.Parse("ollama:" + named.Canonical, ReferencePlaces.Nowhere);
            }
        }
        if (known is not null)
            throw new StokerException(ErrorKind.NotFound, $"The short name {named} has nothing at {string.Join(" or ", access.SourceOrder)}; choose another with --source.");
        throw Unknown(named);
    }

    /// <summary>The manifest of a model that ships with the program, or null.</summary>
    public ModelManifest? Builtin(ShortReference named)
    {
        if (Names.Find(named)?.Builtin is not { } relative) return null;
        var path = Path.Combine(programFolder, "models", relative);
        return File.Exists(path)
            ? FileSource.Manifest(named.Canonical, ModelSourceKind.Builtin, [path])
            : throw new StokerException(ErrorKind.NotFound, $"The built-in model {named} is missing: {path} should be there. Build or install Stoker again.");
    }

    /// <summary>The error for a model that the stock library will not load, with what to try instead.</summary>
    public StokerException NotLoadable(ModelManifest manifest, string reason) =>
        manifest.Source == ModelSourceKind.Ollama && ModelReference.Parse(manifest.Name, ReferencePlaces.Nowhere) is OllamaReference reference
            ? OllamaSource.NotLoadable(reference, Names, reason)
            : new StokerException(ErrorKind.Unsupported, $"{manifest.Name} cannot be loaded by the stock llama.cpp library: {reason}.");

    // --sha256 speaks of one file.
    private static ModelManifest Expect(ModelManifest manifest, Digest? expected)
    {
        if (expected is null) return manifest;
        if (manifest.Source is ModelSourceKind.File or ModelSourceKind.Builtin)
            throw new StokerException(ErrorKind.InvalidInput, $"{manifest.Name} is used in place, not fetched: a digest is checked where something is fetched.");
        if (manifest.Files.Where(static file => file.Role == FileRole.Weights).Skip(1).Any())
            throw new StokerException(ErrorKind.InvalidInput, $"{manifest.Name} has several files, so one digest cannot be that of all.");
        var index = manifest.Files.ToList().FindIndex(static file => file.Role == FileRole.Weights);
        if (manifest.Files[index].Digest is { } stated && stated != expected)
            throw new StokerException(ErrorKind.Corrupt, $"{manifest.Name} is not what was expected: its origin states {stated}, expected was {expected}.");
        return manifest with { Files = [.. manifest.Files.Select((file, i) => i == index ? file with { Digest = expected } : file)] };
    }

    private static ModelManifest ResolveFile(FileReference file, CallerTrust trust) => trust == CallerTrust.Owner
        ? FileSource.Resolve(file.Path)
        : throw new StokerException(ErrorKind.Forbidden, "Only the owner of this Stoker may name a file; others name installed models.");

    private StokerException Unknown(ShortReference named)
    {
        var near = Names.Near(named.Name);
        var offer = near.Count > 0 ? $" Known ones like it: {string.Join(", ", near)}." : $" Known ones: {string.Join(", ", Names.Names.Take(20))}.";
        var file = named.Canonical.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? " There is no file of that name here either." : "";
        return new StokerException(ErrorKind.NotFound, $"'{named}' is no short name that is known.{file}{offer} Or name it whole: hf:org/repo, ollama:name:tag, or a path.");
    }
}
