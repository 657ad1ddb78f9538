using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>
/// The journal of one download on the disk. Chunks are written down only after the bytes they speak of were synced; that happens
/// every 256 MiB or 10 s, behind the download's back, and when it ends. Thread-safe.
/// </summary>
internal sealed class JournalFile : IAsyncDisposable
{
    /// <summary>At most so much is fetched again after a power cut, besides chunks that were under way.</summary>
    internal const long SyncEveryBytes = 256L << 20;

    // And on a slow line not more than this is.
    private static readonly TimeSpan SyncEvery = TimeSpan.FromSeconds(10);

    private readonly IPartialContent _journal;
    private readonly IPartialContent _content;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Lock _gate = new();
    private List<JournaledChunk> _pending = [];
    private long _lengthBytes;
    private Task _background = Task.CompletedTask;
    private long _flushedAt;
    private bool _isFinished;

    private JournalFile(IPartialContent journal, IPartialContent content, TimeProvider time, long lengthBytes)
    {
        _time = time;
        _flushedAt = time.GetTimestamp();
        _journal = journal;
        _content = content;
        _lengthBytes = lengthBytes;
    }

    /// <summary>Starts an empty journal: whatever was in the file goes.</summary>
    internal static JournalFile Begin(IPartialContent journal, IPartialContent content, TimeProvider time, JournalHeader header)
    {
        var bytes = FetchJournal.Header(header);
        journal.SetLength(0);
        journal.Write(bytes, 0);
        journal.SyncContent();
        return new JournalFile(journal, content, time, bytes.Length);
    }

    /// <summary>Goes on behind the sound part of what was read.</summary>
    internal static JournalFile Continue(IPartialContent journal, IPartialContent content, TimeProvider time, JournalContent read)
    {
        journal.SetLength(read.SoundBytes);
        return new JournalFile(journal, content, time, read.SoundBytes);
    }

    /// <summary>What the file holds, or null: nothing that can be used.</summary>
    internal static JournalContent? Read(IPartialContent journal)
    {
        var length = journal.LengthBytes;
        if (length is 0 or > FetchJournal.MaxBytes) return null;
        var bytes = new byte[length];
        var read = journal.Read(bytes, 0);
        return FetchJournal.Read(bytes.AsSpan(0, read));
    }

    /// <summary>The chunk is in the file, though perhaps not on the disk.</summary>
    internal void Add(JournaledChunk chunk)
    {
        lock (_gate)
        {
            _pending.Add(chunk);
            var isDue = (long)_pending.Count * Chunk.SizeBytes >= SyncEveryBytes || _time.GetElapsedTime(_flushedAt) >= SyncEvery;
            if (!isDue || !_background.IsCompleted) return;
            _flushedAt = _time.GetTimestamp();
            _background = Task.Run(() => FlushAsync(CancellationToken.None));
        }
    }

    /// <summary>Syncs the content, then writes down what is known to be in it, then syncs the journal.</summary>
    /// <exception cref="Core.Errors.StokerException">OutOfSpace, Io.</exception>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            List<JournaledChunk> chunks;
            lock (_gate)
            {
                if (_pending.Count == 0) return;
                (chunks, _pending) = (_pending, []);
            }
            _content.SyncContent();
            var bytes = FetchJournal.Chunks(chunks);
            _journal.Write(bytes, _lengthBytes);
            _lengthBytes += bytes.Length;
            _journal.SyncContent();
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The file is complete and verified: nobody will go on from here.</summary>
    internal void Finish()
    {
        lock (_gate) (_isFinished, _pending) = (true, []);
    }

    /// <summary>An error of the flush behind the download's back, or null.</summary>
    internal Exception? Failure
    {
        get { lock (_gate) return _background.IsFaulted ? _background.Exception.InnerException : null; }
    }

    /// <summary>Waits for the flush under way, flushes the rest where the disk lets it, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Task background;
        lock (_gate) background = _background;
        try
        {
            await background;
            if (!_isFinished) await FlushAsync(CancellationToken.None);
        }
        catch (Core.Errors.StokerException)
        {
            // A full or broken disk: what is not written down will be fetched again. The download's own error tells of the disk.
        }
        _writing.Dispose();
    }
}
