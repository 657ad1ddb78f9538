using Stoker.Engine.Protocol;

namespace Stoker.Engine.Sessions;

/// <summary>The in-place state that a conversation had at a number of cells.</summary>
public readonly record struct SessionPoint(int Cells, ReadOnlyMemory<byte> State);

/// <summary>
/// A point of a conversation that can be restored: everything but the cells, which lie in its files. Cells below
/// <see cref="Cells"/> are never overwritten while a snapshot stands.
/// </summary>
public sealed record SessionSnapshot
{
    /// <summary>Of a conversation that begins.</summary>
    public static SessionSnapshot Empty { get; } = new() { Tokens = [] };

    /// <summary>Tokens whose cells are there.</summary>
    public int Cells => Tokens.Count;

    /// <summary>The tokens of the cells, in order. From a file: any number may stand here, so compare with the vocabulary before use.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>
    /// What does not lie in the files: nothing for attention-only models, the recurrent state of hybrid ones, everything where cells
    /// lie in memory. It belongs to exactly these cells. From an imported file it may be anything: check before it reaches a native parser.
    /// </summary>
    public ReadOnlyMemory<byte> State { get; init; }

    /// <summary>
    /// Earlier states to return to, of models that cannot forget single cells; by cells, all fewer than this snapshot has. As little
    /// to be trusted as <see cref="State"/>.
    /// </summary>
    public IReadOnlyList<SessionPoint> Points { get; init; } = [];

    /// <summary>The sampler's random state, as the sampler wrote it; empty: it begins anew.</summary>
    public ReadOnlyMemory<byte> SamplerState { get; init; }

    /// <summary>How the last answer can go on; null: nothing is known of that (none, or an older program's).</summary>
    public KeptAnswer? Answer { get; init; }

    /// <summary>The conversation as text. The cells may be fewer than its tokens (after a move back), never others.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];
}
