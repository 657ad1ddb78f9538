namespace Stoker.Core.Formats.Safetensors;

/// <summary>One tensor of the index. Checked: its bytes fit its shape and lie inside the file.</summary>
/// <param name="Name">Unique in the file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Extents, slowest first; empty for a scalar; an extent may be 0.</param>
/// <param name="PositionBytes">Byte in the file at which its data begins.</param>
/// <param name="SizeBytes">Bytes of its data.</param>
public sealed record SafetensorsTensor(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long PositionBytes, long SizeBytes)
{
    /// <summary>Product of the shape.</summary>
    public long Elements => Shape.Aggregate(1L, static (product, extent) => product * extent);
}
