using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary>What random model to write. The same options give the same bytes.</summary>
public sealed record RandomModelOptions
{
    /// <summary>One of <see cref="ModelShape.Names"/>.</summary>
    public required string Shape { get; init; }

    /// <summary>Type of the matrices: Q4_0, Q8_0, F16 or F32. Vectors are always F32.</summary>
    public GgmlType Type { get; init; } = GgmlType.Q4_0;

    /// <summary>Files to split it into; 1: one file.</summary>
    public int Parts { get; init; } = 1;

    public int Seed { get; init; } = 5;

    /// <summary>
    /// Factor on the attention norms. Plain random weights hardly depend on their context (1); with 8, another first turn moves
    /// log-probabilities by 0.1 to 0.5, so that tests can tell conversations apart.
    /// </summary>
    public float NormScale { get; init; } = 1;

    /// <summary>Context that the file claims to be trained for.</summary>
    public int ContextTokens { get; init; } = 131_072;

    /// <summary>Alignment of the tensors.</summary>
    public int AlignmentBytes { get; init; } = 32;

    /// <summary>Value of general.name; null: <c>random-SHAPE</c>.</summary>
    public string? Name { get; init; }
}
