using System.Buffers.Binary;
using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Writes GGUF version 3. Metadata and the index of tensors are collected first, the data is streamed: memory does not grow
/// with the model. Not thread-safe.
/// </summary>
public sealed class GgufWriter
{
    private readonly List<string> _order = [];
    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);
    private readonly List<GgufTensorSource> _tensors = [];
    private readonly HashSet<string> _tensorNames = new(StringComparer.Ordinal);
    private readonly int _alignmentBytes;

    /// <param name="alignmentBytes">A power of two; each tensor begins at a multiple of it.</param>
    public GgufWriter(int alignmentBytes = 32)
    {
        if (alignmentBytes is <= 0 or > GgufLimits.AlignmentBytes || !int.IsPow2(alignmentBytes))
            throw new StokerException(ErrorKind.InvalidInput, $"The alignment {alignmentBytes} is not a power of two up to {GgufLimits.AlignmentBytes}.");
        _alignmentBytes = alignmentBytes;
        if (alignmentBytes != 32) Set(GgufKeys.Alignment, (uint)alignmentBytes);
    }

    public IReadOnlyList<GgufTensorSource> Tensors => _tensors;

    public void Set(string key, string value) => Put(key, GgufValueType.String, writer => WriteText(writer, value));

    public void Set(string key, ushort value) => Put(key, GgufValueType.UInt16, writer => writer.Write(value));

    public void Set(string key, uint value) => Put(key, GgufValueType.UInt32, writer => writer.Write(value));

    public void Set(string key, int value) => Put(key, GgufValueType.Int32, writer => writer.Write(value));

    public void Set(string key, ulong value) => Put(key, GgufValueType.UInt64, writer => writer.Write(value));

    public void Set(string key, float value) => Put(key, GgufValueType.Float32, writer => writer.Write(value));

    public void Set(string key, double value) => Put(key, GgufValueType.Float64, writer => writer.Write(value));

    public void Set(string key, bool value) => Put(key, GgufValueType.Bool, writer => writer.Write(value));

    public void Set(string key, IReadOnlyList<string> values) => PutArray(key, GgufValueType.String, values, WriteText);

    public void Set(string key, IReadOnlyList<int> values) => PutArray(key, GgufValueType.Int32, values, static (writer, value) => writer.Write(value));

    public void Set(string key, IReadOnlyList<uint> values) => PutArray(key, GgufValueType.UInt32, values, static (writer, value) => writer.Write(value));

    public void Set(string key, IReadOnlyList<float> values) => PutArray(key, GgufValueType.Float32, values, static (writer, value) => writer.Write(value));

    /// <exception cref="StokerException">InvalidInput: the name is taken or too long, the shape is not whole blocks.</exception>
    public void Add(GgufTensorSource tensor)
    {
        if (tensor.Name.Length == 0 || Encoding.UTF8.GetByteCount(tensor.Name) > GgufLimits.TensorNameBytes)
            throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(tensor.Name)}' cannot name a tensor: 1 to {GgufLimits.TensorNameBytes} bytes.");
        if (tensor.Dimensions.Count is 0 or > GgufLimits.Dimensions || tensor.Dimensions.Any(static extent => extent < 1))
            throw new StokerException(ErrorKind.InvalidInput, $"Tensor '{tensor.Name}' needs 1 to {GgufLimits.Dimensions} positive dimensions.");
        if (tensor.Dimensions[0] % GgmlTypes.BlockElements(tensor.Type) != 0)
            throw new StokerException(ErrorKind.InvalidInput, $"Rows of tensor '{tensor.Name}' are not whole blocks of {tensor.Type}.");
        if (!_tensorNames.Add(tensor.Name))
            throw new StokerException(ErrorKind.InvalidInput, $"Tensor '{tensor.Name}' is there already.");
        _tensors.Add(tensor);
    }

    /// <summary>Writes the whole model to one stream.</summary>
    public void Write(Stream stream) => Write(stream, _order, _values, _tensors);

    /// <summary>Writes the whole model to one file, which appears under its name when it is complete.</summary>
    public void WriteFile(string path) => WriteFile(path, Write);

    /// <summary>
    /// Writes <c>prefix-00001-of-0000N.gguf</c> and so on: metadata in the first part, tensors in order, parts of about the
    /// same size. Returns the paths.
    /// </summary>
    public IReadOnlyList<string> WriteSplit(string prefix, int parts)
    {
        if (parts < 1 || parts > Math.Min(_tensors.Count, ushort.MaxValue))
            throw new StokerException(ErrorKind.InvalidInput, $"{_tensors.Count} tensors cannot be split into {parts} files.");
        var paths = new List<string>();
        var taken = 0;
        for (var number = 1; number <= parts; number++)
        {
            var tensors = TakePart(taken, parts - number);
            taken += tensors.Count;
            var header = new GgufWriter(_alignmentBytes);
            if (number == 1)
            {
                header._order.Clear();
                foreach (var key in _order) header.PutEncoded(key, _values[key]);
            }
            header.Set(GgufKeys.SplitNo, (ushort)(number - 1));
            header.Set(GgufKeys.SplitCount, (ushort)parts);
            header.Set(GgufKeys.SplitTensors, _tensors.Count);
            var path = GgufSplit.Name(prefix, number, parts);
            WriteFile(path, stream => header.Write(stream, header._order, header._values, tensors));
            paths.Add(path);
        }
        return paths;
    }

    /// <summary>The next part's tensors: up to its share of the bytes that are left, at least one, and one for each part after it.</summary>
    private List<GgufTensorSource> TakePart(int taken, int partsAfter)
    {
        var left = _tensors.Skip(taken).ToList();
        if (partsAfter == 0) return left;
        var share = left.Sum(static tensor => tensor.SizeBytes) / (partsAfter + 1);
        var part = new List<GgufTensorSource>();
        var bytes = 0L;
        foreach (var tensor in left.Take(left.Count - partsAfter))
        {
            if (part.Count > 0 && bytes + (tensor.SizeBytes / 2) > share) break;
            part.Add(tensor);
            bytes += tensor.SizeBytes;
        }
        return part;
    }

    private static void WriteFile(string path, Action<Stream> write)
    {
        var partial = path + ".partial";
        try
        {
            using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20)) write(stream);
            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    private void Write(Stream stream, List<string> order, Dictionary<string, byte[]> values, IReadOnlyList<GgufTensorSource> tensors)
    {
        var header = new MemoryStream();
        using (var writer = new BinaryWriter(header, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write("GGUF"u8);
            writer.Write(3u);
            writer.Write((ulong)tensors.Count);
            writer.Write((ulong)order.Count);
            foreach (var key in order)
            {
                WriteText(writer, key);
                writer.Write(values[key]);
            }
            var offset = 0L;
            foreach (var tensor in tensors)
            {
                WriteText(writer, tensor.Name);
                writer.Write((uint)tensor.Dimensions.Count);
                foreach (var extent in tensor.Dimensions) writer.Write((ulong)extent);
                writer.Write((uint)tensor.Type);
                writer.Write((ulong)offset);
                offset = Padded(offset + tensor.SizeBytes);
            }
        }
        header.SetLength(Padded(header.Length));
        header.WriteTo(stream);
        var padding = new byte[_alignmentBytes];
        foreach (var tensor in tensors)
        {
            using (var data = new ExactWriteStream(stream, tensor.SizeBytes, $"tensor '{tensor.Name}'"))
            {
                tensor.WriteData(data);
                data.CheckComplete();
            }
            stream.Write(padding.AsSpan(0, (int)(Padded(tensor.SizeBytes) - tensor.SizeBytes)));
        }
    }

    private long Padded(long bytes) => (bytes + _alignmentBytes - 1) & ~((long)_alignmentBytes - 1);

    private void PutArray<T>(string key, GgufValueType elementType, IReadOnlyList<T> values, Action<BinaryWriter, T> write) =>
        Put(key, GgufValueType.Array, writer =>
        {
            writer.Write((uint)elementType);
            writer.Write((ulong)values.Count);
            foreach (var value in values) write(writer, value);
        });

    private void Put(string key, GgufValueType type, Action<BinaryWriter> write)
    {
        using var encoded = new MemoryStream();
        using (var writer = new BinaryWriter(encoded, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write((uint)type);
            write(writer);
        }
        PutEncoded(key, encoded.ToArray());
    }

    private void PutEncoded(string key, byte[] encoded)
    {
        if (!_values.ContainsKey(key)) _order.Add(key);
        _values[key] = encoded;
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)bytes.Length);
        writer.Write(length);
        writer.Write(bytes);
    }
}
