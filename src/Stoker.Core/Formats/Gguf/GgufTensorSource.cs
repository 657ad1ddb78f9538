namespace Stoker.Core.Formats.Gguf;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">1 to 63 bytes of UTF-8.</param>
/// <param name="Type">Element type; a row holds whole blocks.</param>
/// <param name="Dimensions">One to four extents, fastest first.</param>
/// <param name="WriteData">Writes exactly the tensor's bytes; called once for each file that is written.</param>
public sealed record GgufTensorSource(string Name, GgmlType Type, IReadOnlyList<long> Dimensions, Action<Stream> WriteData)
{
    public long SizeBytes => GgmlTypes.SizeBytes(Type, Dimensions.Aggregate(1L, static (product, extent) => checked(product * extent)));
}
