using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>How a file became whole again.</summary>
/// <param name="Chunks">Chunks that were bad; all of them, where it is not known which.</param>
/// <param name="LocalChunks">How many of these came from this machine.</param>
/// <param name="Places">Who had them here.</param>
public sealed record RepairedFile(int Chunks, int LocalChunks, IReadOnlyList<string> Places)
{
    public static RepairedFile Nothing { get; } = new(0, 0, []);
}

/// <summary>Makes a damaged or missing blob whole: from copies on this machine, and what they lack from the file's origins.</summary>
internal sealed class BlobRepair(BlobStore store, IBlobFetcher fetcher)
{
    /// <param name="file">With a digest.</param>
    /// <param name="found">What a look at it gave; null: it is missing.</param>
    /// <param name="session">Where copies and origins are asked.</param>
    /// <param name="report">Told of bytes.</param>
    /// <param name="cancellationToken">What is sound by then stays so.</param>
    internal async Task<RepairedFile> RunAsync(ManifestFile file, VerifiedBlob? found, SourceSession session, Action<FetchReport> report, CancellationToken cancellationToken)
    {
        var digest = file.Digest!.Value;
        var count = Chunk.CountOf(file.SizeBytes ?? 0);
        if (found is { BadChunks: { Count: > 0 } bad } && store.ReadMap(digest) is { } map)
        {
            var (taken, places) = await KeepSoundAsync(map, bad, session.CopiesOf(file), session.Options.Time, cancellationToken);
            using var mended = await fetcher.FetchAsync(file, session, report, cancellationToken);
            return new RepairedFile(bad.Count, taken, places);
        }
        if (found is not null)
        {
            using var turn = await store.LockPartialAsync(digest, session.Options.Time, cancellationToken);
            using var partial = store.DemoteToPartial(digest);
            partial.Discard();
        }
        string? place = null;
        using var lease = await new LocalFirstFetcher(store, fetcher).FetchAsync(file, session, Note, cancellationToken);
        return new RepairedFile(count, place is null ? 0 : count, place is null ? [] : [place]);

        void Note(FetchReport told)
        {
            place = told.Place ?? place;
            report(told);
        }
    }

    /// <summary>Makes the blob a partial download of itself in which only what nobody has here is missing.</summary>
    private async Task<(int Taken, IReadOnlyList<string> Places)> KeepSoundAsync(ChunkMap map, IReadOnlyList<int> bad, IEnumerable<LocalCopy> copies, TimeProvider time, CancellationToken cancellationToken)
    {
        using var turn = await store.LockPartialAsync(map.Digest, time, cancellationToken);
        using var partial = store.DemoteToPartial(map.Digest);
        using var journal = store.OpenJournal(map.Digest);
        partial.SetLength(map.SizeBytes);
        await using var file = JournalFile.Begin(journal, partial, time, new JournalHeader { SizeBytes = map.SizeBytes, Sha256 = map.Digest.Hex });
        foreach (var chunk in Enumerable.Range(0, map.Chunks.Count).Except(bad)) file.Add(new JournaledChunk(chunk, map.Chunks[chunk]));
        var taken = 0;
        var places = await Task.Run(() => LocalChunks.Take(map, bad, copies, Write, cancellationToken), cancellationToken);
        return (taken, places);

        void Write(int chunk, ReadOnlySpan<byte> bytes)
        {
            partial.Write(bytes, Chunk.Offset(chunk));
            file.Add(new JournaledChunk(chunk, map.Chunks[chunk]));
            taken++;
        }
    }
}
