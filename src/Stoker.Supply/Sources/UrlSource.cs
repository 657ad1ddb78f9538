using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>One GGUF at an address. Nothing is asked before the download: some origins answer nothing but the GET itself.</summary>
public static class UrlSource
{
    // What signs an address or tells where a click came from; the same file has other values tomorrow.
    private static readonly HashSet<string> Passing = new(StringComparer.OrdinalIgnoreCase)
    {
        "signature", "expires", "key-pair-id", "policy", "awsaccesskeyid", "googleaccessid", "token", "sig", "se", "sp", "sv", "sr", "st", "spr", "skoid",
        "sktid", "skt", "ske", "sks", "skv", "hash", "auth", "access_token", "download", "response-content-disposition", "response-content-type",
    };

    internal static ModelManifest Resolve(UrlReference reference) => new()
    {
        Name = NameOf(reference.Address),
        Source = ModelSourceKind.Url,
        Files = [new ManifestFile { Name = FileName(reference.Address), Role = FileRole.Weights, Origins = [reference.Address] }],
    };

    /// <summary>The address without its signature; what else its query says is told by a short hash, since it may hold a secret.</summary>
    public static string NameOf(Uri address)
    {
        var path = address.GetLeftPart(UriPartial.Path);
        var lasting = address.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Where(static field => field.Split('=')[0] is var key && !Passing.Contains(key) && !key.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase) && !key.StartsWith("x-goog-", StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal).ToList();
        if (lasting.Count == 0) return path;
        return $"{path}?{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('&', lasting))))[..12]}";
    }

    private static string FileName(Uri address)
    {
        var last = Uri.UnescapeDataString(address.Segments[^1]).Trim('/');
        return last.Length > 0 && SafeName.WhyNotRelativePath(last) is null ? last : "model.gguf";
    }
}
