using Stoker.Core.Errors;

namespace Stoker.Core.Formats;

/// <summary>Passes writes on and holds them to an announced number of bytes, so that an index can be written before the data. Does not own the inner stream.</summary>
internal sealed class ExactWriteStream(Stream inner, long announcedBytes, string what) : Stream
{
    private long _writtenBytes;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => announcedBytes;

    public override long Position
    {
        get => _writtenBytes;
        set => throw new NotSupportedException();
    }

    /// <exception cref="StokerException">Internal: fewer bytes were written than announced.</exception>
    public void CheckComplete()
    {
        if (_writtenBytes != announcedBytes)
            throw new StokerException(ErrorKind.Internal, $"{_writtenBytes} bytes were written of {what}, which has {announcedBytes}.");
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > announcedBytes - _writtenBytes)
            throw new StokerException(ErrorKind.Internal, $"More bytes were written of {what} than its {announcedBytes}.");
        inner.Write(buffer);
        _writtenBytes += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
