namespace Stoker.Engine.Sessions;

/// <summary>
/// What a session's cells belong to. Cells mean something only to the model, the computation and the cache shape that made them;
/// everything here but <see cref="Model"/> must be the same where they are used again.
/// </summary>
public sealed record SessionIdentity
{
    /// <summary>The model as the user names it. For messages; not compared.</summary>
    public required string Model { get; init; }

    /// <summary>Digest of the weights (of all files), or what stands for it where a file is used in place.</summary>
    public required string ModelDigest { get; init; }

    /// <summary>Version and build of the libraries that computed the cells.</summary>
    public required string Runtime { get; init; }

    /// <summary>Types of keys and values, e.g. <c>f16/f16</c>.</summary>
    public required string KvTypes { get; init; }

    /// <summary>Position encoding with everything that changes it.</summary>
    public required string Rope { get; init; }

    /// <summary>Kinds of caches, their layers and rows, and whether cells lie in files or in the state.</summary>
    public required string Shape { get; init; }

    /// <summary>Why cells of <paramref name="other"/> cannot be used by this one, or null.</summary>
    public string? WhyNot(SessionIdentity other)
    {
        if (ModelDigest != other.ModelDigest)
            return Model == other.Model ? $"that model had other weights then ({Short(other.ModelDigest)}, now {Short(ModelDigest)})" : $"it was kept with {other.Model} ({Short(other.ModelDigest)}), and this model has other weights ({Short(ModelDigest)})";
        if (Runtime != other.Runtime) return $"its cells were computed by {other.Runtime}, and this is {Runtime}";
        if (KvTypes != other.KvTypes) return $"its KV cache is of type {other.KvTypes}, and this one of type {KvTypes} (--kv-type)";
        if (Rope != other.Rope) return $"its position encoding is {other.Rope}, and this one {Rope}";
        return Shape != other.Shape ? $"its KV cache has the shape {other.Shape}, and this one {Shape}" : null;
    }

    private static string Short(string digest) => digest.Length <= 19 ? digest : digest[..19];
}
