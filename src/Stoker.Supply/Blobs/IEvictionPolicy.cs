using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>Something in the store that no model needs.</summary>
/// <param name="Name">A digest, or a partial download's file.</param>
/// <param name="SizeBytes">What goes with it.</param>
/// <param name="TouchedAt">When it was written last; UTC.</param>
/// <param name="Digest">Set for a whole blob.</param>
public sealed record Evictable(string Name, long SizeBytes, DateTimeOffset TouchedAt, Digest? Digest);

/// <summary>Decides what goes first when room is needed. Pure.</summary>
public interface IEvictionPolicy
{
    /// <returns>Some of the candidates, in the order they go; together at least <paramref name="neededBytes"/> if there is so much, and no more than needed.</returns>
    IReadOnlyList<Evictable> Choose(IReadOnlyList<Evictable> candidates, long neededBytes);
}

/// <summary>What nobody touched for longest goes first.</summary>
public sealed class OldestFirst : IEvictionPolicy
{
    public IReadOnlyList<Evictable> Choose(IReadOnlyList<Evictable> candidates, long neededBytes)
    {
        var chosen = new List<Evictable>();
        foreach (var one in candidates.OrderBy(static one => one.TouchedAt).ThenBy(static one => one.Name, StringComparer.Ordinal))
        {
            if (neededBytes <= 0) break;
            chosen.Add(one);
            neededBytes -= one.SizeBytes;
        }
        return chosen;
    }
}
