using System.Security.Cryptography;

namespace Stoker.Engine.Runners;

/// <summary>Says whether files are still those that were loaded: path, size, times. Blobs never change; a plain path may.</summary>
public static class FileIdentity
{
    public static string Of(IReadOnlyList<string> paths) => string.Join('\n', paths.Select(static path =>
    {
        var file = new FileInfo(path);
        return file.Exists ? $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}" : $"{path} gone";
    }));

    /// <summary>The same for the same bytes wherever they lie. Reads all of them: for small files.</summary>
    /// <returns><c>content:</c>, then hex.</returns>
    public static string OfContent(IReadOnlyList<string> paths)
    {
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in paths)
        {
            using var file = File.OpenRead(path);
            sum.AppendData(SHA256.HashData(file));
        }
        return $"content:{Convert.ToHexStringLower(sum.GetHashAndReset())}";
    }
}
