using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>
/// A disk whose power fails: what was synced stays, of the rest every page of 4 KiB by itself is on the disk or is as it was before,
/// in whatever order it was written, and so is the file's length. Cuts the download off at a chosen call. Thread-safe.
/// </summary>
internal sealed class LossyDisk(int cutAt, Random random)
{
    private const int PageBytes = 4096;
    private readonly Lock _gate = new();
    private readonly List<LossyFile> _files = [];
    private int _calls;

    /// <summary>True once the power failed.</summary>
    internal bool IsCut { get; private set; }

    internal IPartialContent Over(IPartialContent inner)
    {
        var file = new LossyFile(this, inner);
        lock (_gate) _files.Add(file);
        return file;
    }

    private void Count()
    {
        if (IsCut) throw Gone();
        if (++_calls < cutAt) return;
        IsCut = true;
        foreach (var file in _files) file.Lose(random);
        throw Gone();
    }

    private static Exception Gone() => DiskErrors.Wrap(new IOException("the power failed", 5), "The disk is gone", "/nowhere");

    private sealed class LossyFile(LossyDisk disk, IPartialContent inner) : IPartialContent
    {
        private readonly Dictionary<long, byte[]> _before = []; // pages as they were when last synced
        private long _syncedLength = inner.LengthBytes;

        public long LengthBytes
        {
            get { lock (disk._gate) return inner.LengthBytes; }
        }

        public void Reserve(long sizeBytes)
        {
            lock (disk._gate)
            {
                disk.Count();
                inner.Reserve(sizeBytes);
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (disk._gate)
            {
                disk.Count();
                Keep(offset, bytes.Length);
                inner.Write(bytes, offset);
            }
        }

        public int Read(Span<byte> buffer, long offset)
        {
            lock (disk._gate) return disk.IsCut ? throw Gone() : inner.Read(buffer, offset);
        }

        public void SetLength(long lengthBytes)
        {
            lock (disk._gate)
            {
                disk.Count();
                Keep(lengthBytes, inner.LengthBytes - lengthBytes);
                inner.SetLength(lengthBytes);
            }
        }

        public void SyncContent()
        {
            lock (disk._gate)
            {
                disk.Count();
                inner.SyncContent();
                _before.Clear();
                _syncedLength = inner.LengthBytes;
            }
        }

        public void StartWriteBack(long offset, long length)
        {
            // A hint promises nothing.
        }

        public void LeavePageCache(long offset, long length) => inner.LeavePageCache(offset, length);

        internal void Lose(Random random)
        {
            if (random.Next(2) == 0) inner.SetLength(_syncedLength);
            var length = inner.LengthBytes;
            foreach (var (page, bytes) in _before)
            {
                if (random.Next(2) == 0 || page * PageBytes >= length) continue;
                inner.Write(bytes.AsSpan(0, (int)Math.Min(PageBytes, length - (page * PageBytes))), page * PageBytes);
            }
        }

        private void Keep(long offset, long length)
        {
            for (var page = offset / PageBytes; page * PageBytes < offset + length; page++)
            {
                if (_before.ContainsKey(page)) continue;
                var bytes = new byte[PageBytes]; // beyond the end: zeros
                inner.Read(bytes, page * PageBytes);
                _before[page] = bytes;
            }
        }
    }
}
