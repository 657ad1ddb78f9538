namespace Stoker.Supply.Blobs;

/// <summary>What a download does to its file. Writes to ranges that do not overlap may run at once; all else is in turn.</summary>
public interface IPartialContent
{
    long LengthBytes { get; }

    /// <summary>Makes room for the whole file.</summary>
    void Reserve(long sizeBytes);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>As many bytes as there are, up to the buffer's length.</summary>
    int Read(Span<byte> buffer, long offset);

    void SetLength(long lengthBytes);

    /// <summary>Waits until the bytes written so far are on the disk.</summary>
    void SyncContent();

    /// <summary>A hint to begin writing to the disk.</summary>
    void StartWriteBack(long offset, long length);

    /// <summary>A hint that this part will not be read again soon.</summary>
    void LeavePageCache(long offset, long length);
}
