using System.Buffers.Binary;
using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Reads a header front to back through one small buffer and knows how many bytes are left, so that nothing is allocated for
/// a length that the file cannot hold. Every failure names the byte. Not thread-safe.
/// </summary>
internal sealed class GgufCursor
{
    private const int BufferBytes = 64 << 10;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Stream _stream;
    private readonly string _fileName;
    private readonly byte[] _buffer;
    private int _start;
    private int _end;

    /// <param name="stream">Readable; read from where it stands, which must be <paramref name="positionBytes"/>.</param>
    /// <param name="fileName">For messages only.</param>
    /// <param name="positionBytes">Where the stream stands.</param>
    /// <param name="lengthBytes">Size of the whole file.</param>
    public GgufCursor(Stream stream, string fileName, long positionBytes, long lengthBytes)
    {
        _stream = stream;
        _fileName = fileName;
        PositionBytes = positionBytes;
        LengthBytes = lengthBytes;
        _buffer = new byte[Math.Clamp(lengthBytes - positionBytes, 16, BufferBytes)];
    }

    public long PositionBytes { get; private set; }

    public long LengthBytes { get; }

    public long RemainingBytes => LengthBytes - PositionBytes;

    public byte ReadByte(string what) => Take(1, what)[0];

    public ushort ReadUInt16(string what) => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, what));

    public uint ReadUInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong ReadUInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A 64-bit count that must be at most <paramref name="limit"/> and whose elements, at least that many bytes each, must fit the rest.</summary>
    public long ReadCount(string what, long limit, int leastBytesEach)
    {
        var at = PositionBytes;
        var count = ReadUInt64(what);
        if (count > (ulong)limit) throw Bad(at, $"{what} is {count}, more than the {limit} that Stoker reads");
        if (count > (ulong)(RemainingBytes / leastBytesEach))
            throw Bad(at, $"{what} is {count}, but only {RemainingBytes} bytes follow");
        return (long)count;
    }

    /// <summary>A string that is a name: valid UTF-8 without control characters, 1 to <paramref name="maxBytes"/> bytes.</summary>
    public string ReadName(string what, int maxBytes)
    {
        var at = PositionBytes;
        var bytes = ReadTextBytes(what, maxBytes);
        if (bytes.Length == 0) throw Bad(at, $"{what} is empty");
        string name;
        try
        {
            name = Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Bad(at, $"{what} is not valid UTF-8");
        }
        if (name.AsSpan().ContainsAnyInRange('\0', '\x1f')) throw Bad(at, $"{what} has a control character");
        return name;
    }

    /// <summary>A string value; bytes that are not UTF-8 become U+FFFD (some licences are in other encodings).</summary>
    public string ReadText(string what, int maxBytes) => Encoding.UTF8.GetString(ReadTextBytes(what, maxBytes));

    /// <summary>Length-prefixed bytes. The span lives until the next read.</summary>
    public ReadOnlySpan<byte> ReadTextBytes(string what, int maxBytes)
    {
        var at = PositionBytes;
        var length = ReadUInt64(what);
        if (length > (ulong)RemainingBytes) throw Bad(at, $"{what} says {length} bytes, but only {RemainingBytes} follow");
        if (length > (ulong)maxBytes) throw Bad(at, $"{what} has {length} bytes, more than the {maxBytes} that Stoker reads");
        return Take((int)length, what);
    }

    public void Skip(long bytes, string what)
    {
        if (bytes > RemainingBytes) throw Truncated(what);
        var buffered = (int)Math.Min(bytes, _end - _start);
        _start += buffered;
        PositionBytes += buffered;
        bytes -= buffered;
        if (bytes == 0) return;
        _stream.Seek(bytes, SeekOrigin.Current);
        PositionBytes += bytes;
    }

    public StokerException Bad(long atBytes, string what) => new(
        ErrorKind.Corrupt,
        $"{_fileName}: {what} (at byte {atBytes} of {LengthBytes}). The file is damaged or not a valid GGUF: fetch it again, or convert the model anew.");

    public StokerException Unsupported(long atBytes, string what, string cure) => new(
        ErrorKind.Unsupported, $"{_fileName}: {what} (at byte {atBytes} of {LengthBytes}). {cure}");

    private StokerException Truncated(string what) => Bad(PositionBytes, $"the file ends inside {what}");

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > RemainingBytes) throw Truncated(what);
        if (count > _buffer.Length) return TakeLarge(count, what);
        if (_end - _start < count) Fill(count, what);
        var taken = _buffer.AsSpan(_start, count);
        _start += count;
        PositionBytes += count;
        return taken;
    }

    private void Fill(int count, string what)
    {
        var kept = _end - _start;
        _buffer.AsSpan(_start, kept).CopyTo(_buffer);
        _start = 0;
        _end = kept;
        // A file that shrank after its length was taken ends here.
        var read = _stream.ReadAtLeast(_buffer.AsSpan(kept), count - kept, throwOnEndOfStream: false);
        _end += read;
        if (_end < count) throw Truncated(what);
    }

    /// <summary>Longer than the buffer (templates, licences): an array of its own, bounded by the caller and the file.</summary>
    private byte[] TakeLarge(int count, string what)
    {
        var bytes = new byte[count];
        var buffered = _end - _start;
        _buffer.AsSpan(_start, buffered).CopyTo(bytes);
        _start = _end = 0;
        var read = _stream.ReadAtLeast(bytes.AsSpan(buffered), count - buffered, throwOnEndOfStream: false);
        if (buffered + read < count) throw Truncated(what);
        PositionBytes += count;
        return bytes;
    }
}
