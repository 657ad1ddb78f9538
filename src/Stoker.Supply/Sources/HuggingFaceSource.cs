using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Resolves against a Hugging Face-like hub: the revision becomes a commit, the tree a list of files with their digests.</summary>
internal static partial class HuggingFaceSource
{
    private const int MaxDocumentBytes = 16 << 20;
    private const int MaxPages = 200;
    private const int MaxFiles = 100_000;

    internal static async Task<ModelManifest> ResolveAsync(HuggingFaceReference reference, PullOptions options, SourceSession session, CancellationToken cancellationToken)
    {
        if (options.Selection is not null && (reference.Quant ?? reference.File) is { } part)
            throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(part)}' and patterns both say what of {reference.Repo} is wanted: leave one of them out.");
        var commit = await PinAsync(reference, session, cancellationToken);
        var tree = await ReadTreeAsync(reference.Repo, commit, session, cancellationToken);
        return await ManifestAsync(reference, commit, tree, options, session, async path =>
            (await session.GetDocumentAsync(AddressOf(reference, commit, path, session), RepositoryChoice.MaxIndexBytes, null, cancellationToken)).Body);
    }

    /// <summary>What of a tree the reference means; <paramref name="read"/> gives a small file of it.</summary>
    internal static async Task<ModelManifest> ManifestAsync(
        HuggingFaceReference reference, string commit, IReadOnlyList<RepositoryFile> tree, PullOptions options, SourceSession session, Func<string, Task<byte[]>> read)
    {
        if ((reference.Quant ?? reference.File) is not null || !RepositoryChoice.IsWhole(options, tree))
            return OneModel(reference, commit, GgufChoice.Choose(reference.Repo, tree, reference.Quant, reference.File), session);
        var chosen = await RepositoryChoice.ChooseAsync(reference.Repo, tree, options, read);
        return Manifest(reference.Canonical, reference, commit, chosen, RepositoryChoice.RoleOf, session) with { Selection = options.Selection ?? FileSelection.All };
    }

    private static ModelManifest OneModel(HuggingFaceReference reference, string commit, GgufChoice.Candidate chosen, SourceSession session)
    {
        var name = (reference with { Quant = reference.File is null ? chosen.Quant : null, File = reference.File is not null || chosen.Quant is null ? chosen.Files[0].Path : null }).Canonical;
        return Manifest(name, reference, commit, chosen.Files, static _ => FileRole.Weights, session);
    }

    private static ModelManifest Manifest(string name, HuggingFaceReference reference, string commit, IReadOnlyList<RepositoryFile> files, Func<string, FileRole> roleOf, SourceSession session) => new()
    {
        Name = name,
        Source = ModelSourceKind.HuggingFace,
        Revision = commit,
        Files = [.. files.Select(file => new ManifestFile
        {
            Name = file.Path,
            Role = roleOf(file.Path),
            SizeBytes = file.SizeBytes,
            Digest = file.Sha256,
            GitSha1 = file.Sha256 is null ? file.GitSha1 : null,
            Origins = [AddressOf(reference, commit, file.Path, session)],
        })],
    };

    private static Uri AddressOf(HuggingFaceReference reference, string commit, string path, SourceSession session) =>
        new(session.Access.HuggingFaceEndpoint, $"{reference.Repo}/resolve/{commit}/{Escape(path)}");

    private static async Task<string> PinAsync(HuggingFaceReference reference, SourceSession session, CancellationToken cancellationToken)
    {
        var address = new Uri(session.Access.HuggingFaceEndpoint, $"api/models/{reference.Repo}/revision/{Uri.EscapeDataString(reference.Revision ?? "main")}");
        var document = await session.GetDocumentAsync(address, MaxDocumentBytes, "application/json", cancellationToken);
        var commit = Parse(document, address, HuggingFaceJson.Default.HubRevision).Sha;
        return commit is not null && Sha1().IsMatch(commit) ? commit : throw Nonsense(address, "no commit");
    }

    private static async Task<List<RepositoryFile>> ReadTreeAsync(string repo, string commit, SourceSession session, CancellationToken cancellationToken)
    {
        var files = new List<RepositoryFile>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var page = new Uri(session.Access.HuggingFaceEndpoint, $"api/models/{repo}/tree/{commit}?recursive=true");
        for (var pages = 0; ; pages++)
        {
            if (pages == MaxPages) throw Nonsense(page, $"more than {MaxPages} pages");
            var document = await session.GetDocumentAsync(page, MaxDocumentBytes, "application/json", cancellationToken);
            foreach (var entry in Parse(document, page, HuggingFaceJson.Default.ListHubEntry))
            {
                if (entry is null || entry.Type != "file") continue;
                var file = Check(entry, page);
                if (!seen.Add(file.Path)) throw Nonsense(page, $"the file {Printable.Short(file.Path)} twice");
                files.Add(file);
                if (files.Count > MaxFiles) throw Nonsense(page, $"more than {MaxFiles} files");
            }
            if (NextPage(document.Link, page) is not { } next) return files;
            if (!SourceSession.SameOrigin(next, page)) throw Nonsense(page, "a next page on another host");
            page = next;
        }
    }

    private static RepositoryFile Check(HubEntry entry, Uri page)
    {
        var path = entry.Path ?? throw Nonsense(page, "a file without a path");
        if (SafeName.WhyNotRelativePath(path) is { } reason)
            throw new SourceException(ErrorKind.Corrupt, $"The repository lists a file '{Printable.Short(path, 80)}', which is refused: {reason}.", canRetry: false);
        if (entry.Lfs is { } lfs)
        {
            if (!Digest.TryFromHex(lfs.Oid, out var digest)) throw Nonsense(page, $"the digest of {Printable.Short(path)} as something else");
            return lfs.Size >= 0 ? new RepositoryFile(path, lfs.Size, digest, null) : throw Nonsense(page, $"a negative size of {Printable.Short(path)}");
        }
        if (entry.Size < 0) throw Nonsense(page, $"a negative size of {Printable.Short(path)}");
        return new RepositoryFile(path, entry.Size, null, entry.Oid is { } oid && Sha1().IsMatch(oid) ? oid : null);
    }

    // Link: <address>; rel="next"
    private static Uri? NextPage(string? link, Uri page)
    {
        if (link is null) return null;
        var match = Next().Match(link);
        return match.Success && Uri.TryCreate(page, match.Groups["next"].Value, out var next) ? next : null;
    }

    private static T Parse<T>(SourceDocument document, Uri address, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(document.Body, type) ?? throw Nonsense(address, "nothing");
        }
        catch (JsonException)
        {
            throw Nonsense(address, document.Body.AsSpan().TrimStart(" \r\n\t"u8) is [(byte)'<', ..] ? "a web page (is there a login in front of it?)" : "something that is not the JSON expected");
        }
    }

    private static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static SourceException Nonsense(Uri address, string what) =>
        new(ErrorKind.Network, $"{SourceSession.Shown(address)} answers with {what}.", canRetry: false);

    [GeneratedRegex("^[0-9a-f]{40}\\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Sha1();

    [GeneratedRegex("<(?<next>[^<>]{1,4000})>\\s*;[^,<]*rel=\"?next\"?", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Next();
}

internal sealed record HubRevision(string? Sha);

internal sealed record HubEntry(string? Type, string? Path, string? Oid, long Size, HubLfs? Lfs);

internal sealed record HubLfs(string? Oid, long Size);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, MaxDepth = 32)]
[JsonSerializable(typeof(HubRevision))]
[JsonSerializable(typeof(List<HubEntry>))]
internal sealed partial class HuggingFaceJson : JsonSerializerContext;
