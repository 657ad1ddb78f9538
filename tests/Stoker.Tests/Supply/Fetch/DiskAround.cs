using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>A partial download's disk, passed through; a test puts its own behaviour around one way.</summary>
internal class DiskAround(IPartialContent inner) : IPartialContent
{
    public long LengthBytes => inner.LengthBytes;
    public void Reserve(long sizeBytes) => inner.Reserve(sizeBytes);
    public int Read(Span<byte> buffer, long offset) => inner.Read(buffer, offset);
    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);
    public void SyncContent() => inner.SyncContent();
    public void StartWriteBack(long offset, long length) => inner.StartWriteBack(offset, length);
    public virtual void Write(ReadOnlySpan<byte> bytes, long offset) => inner.Write(bytes, offset);
    public virtual void LeavePageCache(long offset, long length) => inner.LeavePageCache(offset, length);
}
