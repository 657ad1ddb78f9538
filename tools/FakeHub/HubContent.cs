using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace FakeHub;

/// <summary>A file that is served, with its sums.</summary>
/// <param name="FullPath">Where it lies.</param>
/// <param name="Name">Relative to its repository or folder, with forward slashes.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="Sha256">Hex.</param>
/// <param name="GitSha1">Hex.</param>
/// <param name="Modified">Its time.</param>
public sealed record HubFile(string FullPath, string Name, long SizeBytes, string Sha256, string GitSha1, DateTime Modified);

/// <summary>Reads folders and sums files, once for each state of a file. Thread-safe.</summary>
public sealed class HubContent(string root)
{
    private readonly ConcurrentDictionary<(string Path, long Size, DateTime Modified), (string Sha256, string GitSha1)> _sums = new();
    private readonly ConcurrentDictionary<string, string> _bySha256 = new();

    public string Root => root;

    /// <summary>Every file below a folder, in order of names.</summary>
    public IReadOnlyList<HubFile> Files(string folder)
    {
        var path = Path.Combine(root, folder);
        if (!Directory.Exists(path)) return [];
        return [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Select(file => File(file, Path.GetRelativePath(path, file)))
            .OrderBy(static file => file.Name, StringComparer.Ordinal)];
    }

    public HubFile File(string fullPath, string name)
    {
        var info = new FileInfo(fullPath);
        var sums = _sums.GetOrAdd((fullPath, info.Length, info.LastWriteTimeUtc), static key => Sum(key.Path, key.Size));
        _bySha256[sums.Sha256] = fullPath;
        return new HubFile(fullPath, name, info.Length, sums.Sha256, sums.GitSha1, info.LastWriteTimeUtc);
    }

    /// <summary>A file that was seen, by its SHA-256, or null.</summary>
    public HubFile? BySha256(string sha256) => _bySha256.TryGetValue(sha256, out var path) && System.IO.File.Exists(path) ? File(path, sha256) : null;

    private static (string Sha256, string GitSha1) Sum(string path, long size)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        git.AppendData(Encoding.ASCII.GetBytes($"blob {size}\0"));
        using var stream = System.IO.File.OpenRead(path);
        var buffer = new byte[1 << 20];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            sha256.AppendData(buffer, 0, read);
            git.AppendData(buffer, 0, read);
        }
        return (Convert.ToHexStringLower(sha256.GetHashAndReset()), Convert.ToHexStringLower(git.GetHashAndReset()));
    }
}
