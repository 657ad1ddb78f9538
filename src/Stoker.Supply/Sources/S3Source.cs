using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>Resolves against S3 or a store like it: one object (all parts of a split one), or what lies below a prefix.</summary>
internal static class S3Source
{
    internal static async Task<ModelManifest> ResolveAsync(S3Reference reference, PullOptions options, SourceSession session, CancellationToken cancellationToken)
    {
        var bucket = session.S3();
        if (!reference.IsPrefix && options.Selection is null && await bucket.FindAsync(reference.Bucket, reference.Key, cancellationToken) is { } found)
        {
            if (options.MustRun && !IsGguf(reference.Key)) throw NoGguf(reference);
            return await OneObjectAsync(reference, found, bucket, cancellationToken);
        }
        var prefix = reference.IsPrefix ? reference.Key : reference.Key + "/";
        var files = await bucket.ListAsync(reference.Bucket, prefix, cancellationToken);
        if (files.Count == 0) throw new SourceException(ErrorKind.NotFound, $"There is no object {reference}, and none below s3://{reference.Bucket}/{prefix}.", canRetry: false);
        if (!RepositoryChoice.IsWhole(options, files)) return OneModel(reference.Bucket, prefix, GgufChoice.Choose($"s3://{reference.Bucket}/{prefix}", files, null, null));
        var chosen = await RepositoryChoice.ChooseAsync($"s3://{reference.Bucket}/{prefix}", files, options,
            async path => (await session.GetDocumentAsync(S3Address.Of(reference.Bucket, prefix + path), RepositoryChoice.MaxIndexBytes, null, cancellationToken)).Body);
        return Manifest($"s3://{reference.Bucket}/{prefix}", reference.Bucket, prefix, chosen, RepositoryChoice.RoleOf) with { Selection = options.Selection ?? FileSelection.All };
    }

    private static async Task<ModelManifest> OneObjectAsync(S3Reference reference, RepositoryFile found, S3Bucket bucket, CancellationToken cancellationToken)
    {
        if (!IsGguf(reference.Key))
        {
            var slash = reference.Key.LastIndexOf('/') + 1;
            return Manifest(reference.Canonical, reference.Bucket, reference.Key[..slash], [found with { Path = reference.Key[slash..] }], RepositoryChoice.RoleOf) with { Selection = FileSelection.All };
        }
        var keys = GgufSplit.TryParse(reference.Key, out var split) ? Enumerable.Range(1, split.Count).Select(number => split.NameOf(number)) : [reference.Key];
        var parts = new List<RepositoryFile>();
        foreach (var key in keys)
        {
            parts.Add(key == reference.Key ? found : await bucket.FindAsync(reference.Bucket, key, cancellationToken)
                ?? throw new SourceException(ErrorKind.NotFound, $"s3://{reference.Bucket} lacks {Printable.Short(key)}, a part of {reference}.", canRetry: false));
        }
        return Manifest(reference.Canonical, reference.Bucket, "", parts, static _ => FileRole.Weights);
    }

    private static ModelManifest OneModel(string bucket, string prefix, GgufChoice.Candidate chosen) =>
        Manifest($"s3://{bucket}/{prefix}{chosen.Files[0].Path}", bucket, prefix, chosen.Files, static _ => FileRole.Weights);

    private static ModelManifest Manifest(string name, string bucket, string prefix, IReadOnlyList<RepositoryFile> files, Func<string, FileRole> roleOf) => new()
    {
        Name = name,
        Source = ModelSourceKind.S3,
        Files = [.. files.Select(file => new ManifestFile
        {
            Name = file.Path,
            Role = roleOf(file.Path),
            SizeBytes = file.SizeBytes,
            Digest = file.Sha256,
            Origins = [S3Address.Of(bucket, prefix + file.Path)],
        })],
    };

    private static bool IsGguf(string key) => key.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    private static StokerException NoGguf(S3Reference reference) =>
        new(ErrorKind.Unsupported, $"{reference} is not a .gguf file, which is what Stoker runs. Keep it for other programs with: stoker pull {reference}");
}
