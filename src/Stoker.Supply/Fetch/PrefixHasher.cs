using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Supply.Fetch;

/// <summary>
/// The whole file's sums, which must see the bytes in order while chunks arrive in any: follows the chunks that are here without a
/// gap from the start, reading them back (they are in the page cache). One thread of its own; disposed means ended.
/// </summary>
internal sealed class PrefixHasher : IAsyncDisposable
{
    private const int BlockBytes = 256 * 1024; // stays in the second-level cache between read and hash

    // The disk has that long to take a chunk before anybody waits for it.
    private const int LeaveLagChunks = 4;

    private readonly IPartialContent _content;
    private readonly bool _leavesPageCache;
    private readonly long _sizeBytes;
    private readonly bool[] _here;
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _changed = new(false);
    private readonly CancellationTokenSource _stop = new();
    private readonly IncrementalHash? _git;
    private readonly Task<Digest> _work;

    /// <param name="content">Read back from it.</param>
    /// <param name="sizeBytes">Of the whole.</param>
    /// <param name="here">True for chunks that are here at the start.</param>
    /// <param name="withGitSha1">Also computes the name that Git would give the file.</param>
    /// <param name="leavesPageCache">What was hashed is left to the disk alone.</param>
    internal PrefixHasher(IPartialContent content, long sizeBytes, IReadOnlyList<bool> here, bool withGitSha1, bool leavesPageCache)
    {
        _leavesPageCache = leavesPageCache;
        _content = content;
        _sizeBytes = sizeBytes;
        _here = [.. here];
        if (withGitSha1)
        {
            _git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
            _git.AppendData(Encoding.ASCII.GetBytes($"blob {sizeBytes}\0"));
        }
        _work = Task.Factory.StartNew(Follow, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>The digest, once every chunk was here.</summary>
    internal Task<Digest> Whole => _work;

    /// <summary>Git's name of the file, after <see cref="Whole"/>.</summary>
    internal string? GitSha1 { get; private set; }

    /// <summary>The chunk is in the file.</summary>
    internal void Arrived(int chunk)
    {
        lock (_gate) _here[chunk] = true;
        _changed.Set();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _work;
        }
        catch (Exception told) when (told is OperationCanceledException or IOException or Core.Errors.StokerException)
        {
            // Whoever awaited Whole has been told.
        }
        _stop.Dispose();
        _changed.Dispose();
        _git?.Dispose();
    }

    private Digest Follow()
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        for (var chunk = 0; chunk < _here.Length; chunk++)
        {
            WaitFor(chunk);
            var end = Math.Min(Chunk.Offset(chunk + 1), _sizeBytes);
            for (var offset = Chunk.Offset(chunk); offset < end;)
            {
                _stop.Token.ThrowIfCancellationRequested();
                var wanted = (int)Math.Min(BlockBytes, end - offset);
                if (_content.Read(block.AsSpan(0, wanted), offset) != wanted) throw new IOException($"A chunk that was written cannot be read back at {offset}.");
                sha256.AppendData(block, 0, wanted);
                _git?.AppendData(block, 0, wanted);
                offset += wanted;
            }
            if (_leavesPageCache && chunk >= LeaveLagChunks) _content.LeavePageCache(Chunk.Offset(chunk - LeaveLagChunks), Chunk.SizeBytes);
        }
        if (_git is not null) GitSha1 = Convert.ToHexStringLower(_git.GetHashAndReset());
        return Digest.FromBytes(sha256.GetHashAndReset());
    }

    private void WaitFor(int chunk)
    {
        for (; ; )
        {
            _changed.Reset();
            lock (_gate)
            {
                if (_here[chunk]) return;
            }
            _changed.Wait(_stop.Token);
        }
    }
}
