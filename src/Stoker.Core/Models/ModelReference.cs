namespace Stoker.Core.Models;

/// <summary>
/// What a user typed to name a model, understood but not looked up. <see cref="ReferenceParser"/> makes them;
/// <see cref="Canonical"/> parses back to an equal reference. Immutable.
/// </summary>
public abstract record ModelReference
{
    // The family is closed: who handles references may rely on the types in this file.
    private protected ModelReference()
    {
    }

    /// <summary>The text that means exactly this reference. May hold a signed address: not for logs, see <see cref="ToString"/>.</summary>
    public abstract string Canonical { get; }

    /// <inheritdoc cref="ReferenceParser.Parse(string, ReferencePlaces)"/>
    public static ModelReference Parse(string text, ReferencePlaces places) => ReferenceParser.Parse(text, places);

    /// <summary>For people and logs: without what may be secret.</summary>
    public sealed override string ToString() => Shown;

    private protected virtual string Shown => Canonical;
}

/// <summary><c>hf:org/repo[@rev][:QUANT|:file.gguf]</c>, a repository on a Hugging Face-like hub.</summary>
/// <param name="Repo"><c>org/name</c>.</param>
/// <param name="Revision">Branch, tag or commit, or null: main.</param>
/// <param name="Quant">Upper-case quantisation such as <c>Q4_K_M</c>, or null.</param>
/// <param name="File">A file's path inside the repository, or null. Never set together with <paramref name="Quant"/>.</param>
public sealed record HuggingFaceReference(string Repo, string? Revision, string? Quant, string? File) : ModelReference
{
    public override string Canonical =>
        "hf:" + Repo + (Revision is null ? "" : "@" + Revision) + ((Quant ?? File) is { } choice ? ":" + choice : "");
}

/// <summary><c>ollama:[namespace/]model[:tag]</c>, a model of an Ollama-like registry.</summary>
/// <param name="Namespace"><c>library</c> unless named.</param>
/// <param name="Model">The model.</param>
/// <param name="Tag"><c>latest</c> unless named.</param>
public sealed record OllamaReference(string Namespace, string Model, string Tag) : ModelReference
{
    public const string DefaultNamespace = "library";
    public const string DefaultTag = "latest";

    public override string Canonical =>
        "ollama:" + (Namespace == DefaultNamespace ? "" : Namespace + "/") + Model + ":" + Tag;
}

/// <summary>One GGUF file at an address. Plain HTTP only to this machine.</summary>
public sealed record UrlReference(Uri Address) : ModelReference
{
    public override string Canonical => Address.AbsoluteUri;

    private protected override string Shown => Address.GetLeftPart(UriPartial.Path);
}

/// <summary><c>s3://bucket/key</c>, one object or, with or without a slash at the end, all below a prefix.</summary>
public sealed record S3Reference(string Bucket, string Key) : ModelReference
{
    /// <summary>True when it can only be a prefix; an empty one is the whole bucket.</summary>
    public bool IsPrefix => Key.Length == 0 || Key.EndsWith('/');

    public override string Canonical => $"s3://{Bucket}/{Key}";
}

/// <summary>A file on this machine, used in place.</summary>
/// <param name="Path">Absolute and normalised.</param>
public sealed record FileReference(string Path) : ModelReference
{
    public override string Canonical => Path;
}

/// <summary>A name that the registry of short names explains.</summary>
/// <param name="Name">E.g. <c>qwen2.5</c>.</param>
/// <param name="Tag">E.g. <c>0.5b</c>, or null.</param>
public sealed record ShortReference(string Name, string? Tag) : ModelReference
{
    public override string Canonical => Tag is null ? Name : $"{Name}:{Tag}";
}

/// <summary>Where relative paths in a reference begin, and how to ask whether a file is there: the caller's, not the daemon's.</summary>
/// <param name="WorkingFolder">Absolute; what <c>./</c> means.</param>
/// <param name="HomeFolder">Absolute; what <c>~</c> means, or null when unknown.</param>
/// <param name="FileExists">Asked only about texts that end in <c>.gguf</c>.</param>
public sealed record ReferencePlaces(string WorkingFolder, string? HomeFolder, Func<string, bool> FileExists)
{
    /// <summary>Of this process.</summary>
    public static ReferencePlaces Here() => new(
        Environment.CurrentDirectory,
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? home : null,
        System.IO.File.Exists);

    /// <summary>For text that must not name files by a relative path: nothing exists, and <c>./</c> is the root.</summary>
    public static ReferencePlaces Nowhere { get; } = new("/", null, static _ => false);
}
