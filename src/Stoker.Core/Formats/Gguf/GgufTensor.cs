namespace Stoker.Core.Formats.Gguf;

/// <summary>One tensor of the index. Checked: it lies inside the file and overlaps no other.</summary>
/// <param name="Name">At most 63 bytes of UTF-8, unique in the model.</param>
/// <param name="Type">Element type.</param>
/// <param name="Dimensions">One to four extents, fastest first (ggml's <c>ne</c>), each at least 1.</param>
/// <param name="PositionBytes">Byte in the file at which its data begins.</param>
/// <param name="SizeBytes">Bytes of its data, without padding.</param>
public sealed record GgufTensor(string Name, GgmlType Type, IReadOnlyList<long> Dimensions, long PositionBytes, long SizeBytes)
{
    /// <summary>Product of the dimensions.</summary>
    public long Elements => Dimensions.Aggregate(1L, static (product, extent) => product * extent);
}
