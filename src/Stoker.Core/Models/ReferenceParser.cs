using Stoker.Core.Errors;

namespace Stoker.Core.Models;

/// <summary>
/// The one parser of what users type for a model. In this order: a scheme, a path, <c>org/repo</c>, a short name.
/// Pure, but for <see cref="ReferencePlaces.FileExists"/>. Throws nothing but <see cref="StokerException"/> with InvalidInput.
/// </summary>
public static class ReferenceParser
{
    /// <summary>Longest text that is looked at.</summary>
    public const int MaxLength = 4096;

    private const int MaxHuggingFacePart = 96;
    private const int MaxOllamaPart = 80;
    private static readonly string[] HuggingFaceHosts = ["huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"];

    /// <summary>Reads a reference.</summary>
    /// <exception cref="StokerException">InvalidInput, with the reason.</exception>
    public static ModelReference Parse(string text, ReferencePlaces places)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(places);
        if (text.Length == 0) throw new StokerException(ErrorKind.InvalidInput, "A model's name is empty: try 'tiny', 'qwen2.5:0.5b', 'hf:org/repo' or a path.");
        if (text.Length > MaxLength) throw Refuse(text, $"it is longer than {MaxLength} characters");
        if (SafeName.WhyNotPrintable(text) is { } reason) throw Refuse(text, reason);
        if (text[0] == '-') throw Refuse(text, "it begins with '-'");
        if (char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1])) throw Refuse(text, "it begins or ends with a space");

        if (ParseScheme(text, places) is { } withScheme) return withScheme;
        if (IsPath(text, places)) return ParsePath(text, text, places);
        return text.Contains('/') ? ParseHuggingFace(text, text) : ParseShort(text);
    }

    private static ModelReference? ParseScheme(string text, ReferencePlaces places)
    {
        if (TryAfter(text, "hf://", out var rest) || TryAfter(text, "hf:", out rest) || TryAfter(text, "hf.co/", out rest)
            || TryAfter(text, "huggingface.co/", out rest))
            return ParseHuggingFace(text, rest);
        if (TryAfter(text, "ollama:", out rest)) return ParseOllama(text, rest);
        if (TryAfter(text, "s3://", out rest)) return ParseS3(text, rest);
        if (TryAfter(text, "https://", out _) || TryAfter(text, "http://", out _)) return ParseAddress(text);
        if (TryAfter(text, "file:", out rest)) return ParseFile(text, rest, places);
        if (text.Contains("://", StringComparison.Ordinal))
            throw Refuse(text, "its scheme is not known (hf:, ollama:, https://, s3:// and file: are)");
        return null;
    }

    private static HuggingFaceReference ParseHuggingFace(string text, string rest)
    {
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        var (place, suffix) = colon < 0 ? (rest, null) : (rest[..colon], rest[(colon + 1)..]);
        var at = place.IndexOf('@', StringComparison.Ordinal);
        var (repo, revision) = at < 0 ? (place, null) : (place[..at], place[(at + 1)..]);

        var slash = repo.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0) throw Refuse(text, "a Hugging Face repository has the form org/repo");
        CheckPart(text, repo[..slash], MaxHuggingFacePart);
        CheckPart(text, repo[(slash + 1)..], MaxHuggingFacePart);
        if (revision is not null) CheckRevision(text, revision);
        if (suffix is null) return new HuggingFaceReference(repo, revision, null, null);
        if (suffix.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
        {
            if (SafeName.WhyNotRelativePath(suffix) is { } reason) throw Refuse(text, $"the file in it is refused: {reason}");
            return new HuggingFaceReference(repo, revision, null, suffix);
        }
        CheckPart(text, suffix, 64);
        return new HuggingFaceReference(repo, revision, suffix.ToUpperInvariant(), null);
    }

    private static OllamaReference ParseOllama(string text, string rest)
    {
        var parts = rest.Split('/');
        if (parts.Length > 2)
            throw Refuse(text, "an Ollama model has the form [namespace/]model[:tag]; another registry is named by STOKER_OLLAMA_REGISTRY");
        var (model, tag) = SplitTag(parts[^1]);
        var space = parts.Length == 2 ? parts[0] : OllamaReference.DefaultNamespace;
        CheckPart(text, space, MaxOllamaPart);
        if (space.Contains('.')) throw Refuse(text, "a namespace has no '.'; another registry is named by STOKER_OLLAMA_REGISTRY");
        CheckPart(text, model, MaxOllamaPart);
        if (tag is not null) CheckPart(text, tag, MaxOllamaPart);
        return new OllamaReference(space, model, tag ?? OllamaReference.DefaultTag);
    }

    private static S3Reference ParseS3(string text, string rest)
    {
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var bucket = slash < 0 ? rest : rest[..slash];
        var key = slash < 0 ? "" : rest[(slash + 1)..];
        if (bucket.Length is < 3 or > 63 || bucket.Any(static c => c is not (>= 'a' and <= 'z' or >= '0' and <= '9' or '.' or '-'))
            || bucket[0] is '.' or '-' || bucket.Contains("..", StringComparison.Ordinal))
            throw Refuse(text, "a bucket has 3 to 63 characters out of a-z, 0-9, '.' and '-'");
        if (key.Length > 0 && SafeName.WhyNotRelativePath(key.EndsWith('/') ? key[..^1] : key) is { } reason) throw Refuse(text, $"its key is refused: {reason}");
        return new S3Reference(bucket, key);
    }

    private static ModelReference ParseAddress(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Host.Length == 0) throw Refuse(text, "it is not a web address");
        if (address.UserInfo.Length > 0) throw Refuse(text, "it holds a user name or password; tokens are given apart (HF_TOKEN)");
        var path = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var until = path.IndexOfAny(['?', '#']);
        if (until >= 0) path = path[..until];
        var from = path.IndexOf('/', StringComparison.Ordinal);
        path = from < 0 ? "" : path[(from + 1)..];
        if (HuggingFaceHosts.Contains(address.Host, StringComparer.OrdinalIgnoreCase) && address.IsDefaultPort)
            return ParseHubPage(text, path);
        if (path.Length == 0) throw Refuse(text, "it names a host, not a file");
        if (SafeName.WhyNotRelativePath(path) is { } reason) throw Refuse(text, $"its path is refused: {reason}");
        var withoutFragment = address.Fragment.Length == 0 ? address : new Uri(address.GetLeftPart(UriPartial.Query));
        if (withoutFragment.AbsoluteUri.Length > MaxLength) throw Refuse(text, $"it is longer than {MaxLength} characters");
        return new UrlReference(new Uri(withoutFragment.AbsoluteUri));
    }

    // A page or file of the hub, as copied from a browser: org/repo[/(tree|blob|resolve|raw)/rev[/path]].
    private static HuggingFaceReference ParseHubPage(string text, string path)
    {
        var parts = path.TrimEnd('/').Split('/', 5);
        if (parts.Length == 2) return ParseHuggingFace(text, path.TrimEnd('/'));
        if (parts.Length < 4 || parts[2] is not ("tree" or "blob" or "resolve" or "raw"))
            throw Refuse(text, "it is not a model's page; use hf:org/repo");
        var place = $"{parts[0]}/{parts[1]}" + (parts[3] == "main" ? "" : "@" + parts[3]);
        if (parts.Length == 4 || parts[2] == "tree") return ParseHuggingFace(text, place);
        if (!parts[4].EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) throw Refuse(text, "the file that it names is not a .gguf");
        return ParseHuggingFace(text, $"{place}:{parts[4]}");
    }

    private static FileReference ParseFile(string text, string rest, ReferencePlaces places)
    {
        if (!rest.StartsWith("//", StringComparison.Ordinal)) return ParsePath(text, rest, places);
        var path = rest[2..];
        if (TryAfter(path, "localhost/", out var local)) path = "/" + local;
        if (!path.StartsWith('/')) throw Refuse(text, "a file: address names a file of this machine: file:///path");
        var decoded = Uri.UnescapeDataString(path);
        if (SafeName.WhyNotPrintable(decoded) is { } reason) throw Refuse(text, reason);
        return ParsePath(text, decoded, places);
    }

    private static FileReference ParsePath(string text, string path, ReferencePlaces places)
    {
        if (path.Length == 0) throw Refuse(text, "it names no file");
        if (path[0] == '~')
        {
            if (path.Length > 1 && path[1] != '/') throw Refuse(text, "only ~/ is understood, not another user's ~name");
            if (places.HomeFolder is null) throw Refuse(text, "this account has no home folder; write the whole path");
            path = places.HomeFolder + path[1..];
        }
        var full = Path.GetFullPath(path, places.WorkingFolder);
        if (full.Length > MaxLength) throw Refuse(text, $"its path is longer than {MaxLength} characters");
        if (char.IsWhiteSpace(full[^1])) throw Refuse(text, "its path ends with a space");
        return new FileReference(full);
    }

    private static ShortReference ParseShort(string text)
    {
        var (name, tag) = SplitTag(text);
        CheckPart(text, name, MaxOllamaPart);
        if (tag is not null) CheckPart(text, tag, MaxOllamaPart);
        return new ShortReference(name, tag);
    }

    private static bool IsPath(string text, ReferencePlaces places) =>
        text[0] is '/' or '~'
        || text.StartsWith("./", StringComparison.Ordinal)
        || (text.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
            && places.FileExists(Path.GetFullPath(text, places.WorkingFolder)));

    private static (string Name, string? Tag) SplitTag(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }

    private static void CheckPart(string text, string part, int maxLength)
    {
        if (SafeName.WhyNotPart(part, maxLength) is { } reason) throw Refuse(text, reason);
    }

    // Branches and tags may have slashes: refs/pr/1.
    private static void CheckRevision(string text, string revision)
    {
        if (revision.Length > 200) throw Refuse(text, "its revision is longer than 200 characters");
        foreach (var part in revision.Split('/'))
            if (SafeName.WhyNotPart(part, 200) is { } reason) throw Refuse(text, $"its revision is refused: {reason}");
    }

    private static bool TryAfter(string text, string prefix, out string rest)
    {
        var found = text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);
        rest = found ? text[prefix.Length..] : "";
        return found;
    }

    // An address is told without its query, which may sign it.
    private static StokerException Refuse(string text, string reason) =>
        SafeName.Refuse(text.Contains("://", StringComparison.Ordinal) ? text.Split('?')[0] : text, reason);
}
