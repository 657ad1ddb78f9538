namespace Stoker.Supply.Fetch;

/// <summary>
/// What tells one state of an origin's content from another: a strong ETag if there is one, else Last-Modified, and the size.
/// </summary>
public sealed record Validators(string? ETag, string? LastModified, long? SizeBytes)
{
    public static Validators None { get; } = new(null, null, null);

    /// <summary>A weak ETag does not promise equal bytes.</summary>
    public bool HasStrongETag => IsStrong(ETag);

    /// <summary>The value of If-Range, or null when the origin gave nothing that may stand there (RFC 9110 section 13.1.5).</summary>
    public string? IfRange => HasStrongETag ? ETag : null;

    /// <summary>False when a later answer shows other content. What only one side states decides nothing.</summary>
    public bool Matches(Validators later)
    {
        if (SizeBytes is { } size && later.SizeBytes is { } laterSize && size != laterSize) return false;
        if (ETag is not null && later.ETag is not null) return Opaque(ETag) == Opaque(later.ETag);
        return LastModified is null || later.LastModified is null || LastModified == later.LastModified;
    }

    private static bool IsStrong(string? tag) => tag is { Length: >= 2 } && tag[0] == '"';

    private static string Opaque(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
}
