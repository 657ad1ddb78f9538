using System.Text;

namespace Stoker.Tests.Core.Formats;

/// <summary>Bytes as a hostile author would lay them out: little-endian, with any count and length.</summary>
internal sealed class RawBytes
{
    private readonly MemoryStream _bytes = new();

    public static RawBytes Gguf(uint version = 3, ulong tensors = 0, ulong keys = 0) =>
        new RawBytes().Ascii("GGUF").U32(version).U64(tensors).U64(keys);

    public RawBytes Ascii(string text) => Add(Encoding.Latin1.GetBytes(text));

    public RawBytes U8(byte value) => Add([value]);

    public RawBytes U32(uint value) => Add(BitConverter.GetBytes(value));

    public RawBytes U64(ulong value) => Add(BitConverter.GetBytes(value));

    public RawBytes Text(string text) => U64((ulong)text.Length).Ascii(text);

    public RawBytes Zeros(int count) => Add(new byte[count]);

    /// <summary>A tensor's entry in the index.</summary>
    public RawBytes Tensor(string name, uint type, ulong offset, params ulong[] dimensions)
    {
        Text(name).U32((uint)dimensions.Length);
        foreach (var extent in dimensions) U64(extent);
        return U32(type).U64(offset);
    }

    public RawBytes Align(int alignment) => Zeros((int)((alignment - (_bytes.Length % alignment)) % alignment));

    public byte[] ToArray() => _bytes.ToArray();

    private RawBytes Add(byte[] bytes)
    {
        _bytes.Write(bytes);
        return this;
    }
}
