using System.Text.RegularExpressions;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// The cache of Hugging Face's clients: <c>models--ORG--REPO/</c> with <c>blobs/</c> (named by SHA-256, or git's SHA-1 for small files),
/// <c>refs/REVISION</c> (a commit) and <c>snapshots/COMMIT/</c> (links to blobs).
/// </summary>
internal sealed partial class HuggingFaceCache(string folder) : ILocalStore
{
    private const int MaxFiles = 100_000;

    public IEnumerable<LocalCopy> Find(ManifestFile file)
    {
        if ((file.Digest?.Hex ?? file.GitSha1) is not { } name || !Directory.Exists(folder)) return [];
        var names = file.Digest is not null && file.GitSha1 is { } git ? new[] { name, git } : [name];
        return Directory.EnumerateDirectories(folder, "models--*").SelectMany(repo => names.Select(one => Path.Combine(repo, "blobs", one)))
            .Where(File.Exists).Select(static path => new LocalCopy(path, "Hugging Face's cache"));
    }

    public async Task<ModelManifest?> FindModelAsync(ModelReference reference, PullOptions options, SourceSession session, ShortNames names, CancellationToken cancellationToken)
    {
        if (reference is not HuggingFaceReference hub) return null;
        var repo = Path.Combine(folder, "models--" + hub.Repo.Replace("/", "--", StringComparison.Ordinal));
        try
        {
            if (CommitOf(repo, hub.Revision ?? "main") is not { } commit) return null;
            var snapshot = Path.Combine(repo, "snapshots", commit);
            var tree = Tree(snapshot);
            return tree.Count == 0 ? null : await HuggingFaceSource.ManifestAsync(hub, commit, tree, options, session, path => File.ReadAllBytesAsync(Path.Combine(snapshot, path), cancellationToken));
        }
        catch (Exception torn) when (torn is IOException or UnauthorizedAccessException or StokerException { Kind: ErrorKind.NotFound or ErrorKind.Corrupt })
        {
            return null; // part of it is here, or nothing of use: the hub knows better
        }
    }

    private static string? CommitOf(string repo, string revision)
    {
        if (Sha1().IsMatch(revision)) return revision;
        var path = Path.Combine(repo, "refs", revision);
        if (new FileInfo(path) is not { Exists: true, Length: < 100 }) return null;
        var commit = File.ReadAllText(path).Trim();
        return Sha1().IsMatch(commit) ? commit : null;
    }

    private static List<RepositoryFile> Tree(string snapshot)
    {
        var files = new List<RepositoryFile>();
        if (!Directory.Exists(snapshot)) return files;
        foreach (var link in new DirectoryInfo(snapshot).EnumerateFiles("*", SearchOption.AllDirectories).Take(MaxFiles))
        {
            var path = Path.GetRelativePath(snapshot, link.FullName);
            if (SafeName.WhyNotRelativePath(path) is not null || link.ResolveLinkTarget(returnFinalTarget: true) is not FileInfo { Exists: true } blob) continue;
            if (Digest.TryFromHex(blob.Name, out var digest)) files.Add(new RepositoryFile(path, blob.Length, digest, null));
            else if (Sha1().IsMatch(blob.Name)) files.Add(new RepositoryFile(path, blob.Length, null, blob.Name));
        }
        return files;
    }

    [GeneratedRegex("^[0-9a-f]{40}\\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Sha1();
}
