using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>
/// Where a manifest lies: <c>&lt;source&gt;/&lt;name&gt;/&lt;tag&gt;.json</c> below <c>manifests/</c>. Pure. Every name gives a path
/// inside that folder; different names give different paths.
/// </summary>
public static class ManifestPath
{
    private const int MaxSegment = 120;

    /// <summary>Relative to <c>manifests/</c>.</summary>
    public static string Of(ModelSourceKind source, string modelName)
    {
        var scheme = source switch
        {
            ModelSourceKind.HuggingFace => "hf:",
            ModelSourceKind.Ollama => "ollama:",
            _ => "",
        };
        var rest = modelName.StartsWith(scheme, StringComparison.Ordinal) ? modelName[scheme.Length..] : modelName;
        var split = scheme.Length > 0 ? rest.AsSpan().IndexOfAny(':', '@') : -1;
        var name = split < 0 ? rest : rest[..split];
        var tag = split < 0 ? (scheme.Length > 0 ? "%default" : "default") : Tag(rest[split..]);
        var folders = string.Join('/', name.Split('/').Select(Segment));
        return $"{source.ToString().ToLowerInvariant()}/{folders}/{tag}.json";
    }

    // ":Q4_K_M" is Q4_K_M, "@v1:Q4_K_M" stays, and what could be mistaken for that gets a mark that no segment has.
    private static string Tag(string rest) => rest[0] == '@' ? Segment(rest) : rest is [':', '@', ..] ? "%at" + Segment(rest[1..]) : Segment(rest[1..]);

    // Letters, digits, '_', '-' and inner dots stay; all else becomes %XX of its UTF-8. Long ones end in a hash of the whole.
    private static string Segment(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            var c = (char)value;
            var plain = char.IsAsciiLetterOrDigit(c) || c is '_' || (c is '-' or '.' && safe.Length > 0);
            if (plain) safe.Append(c); else safe.Append('%').Append(value.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }
        if (safe.Length == 0) return "%";
        if (safe.Length <= MaxSegment) return safe.ToString();
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..24];
        return $"{safe.ToString(0, MaxSegment - 30)}%{hash}";
    }
}
