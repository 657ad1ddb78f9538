using System.Buffers.Binary;
using Stoker.Core.Errors;

namespace Stoker.Engine.Sessions;

/// <summary>
/// A session as one stream: magic, version, length of the snapshot, the snapshot as its file has it, then the rows of its cells
/// (<see cref="ArchivePiece"/>). Only cells that are there, none of the files' holes.
/// </summary>
public static class SessionArchive
{
    /// <summary>Of an archive's name.</summary>
    public const string Extension = ".stoker-session";

    private const ulong Magic = 0x53534553_4B4F5453; // "STOKSESS"
    private const int Version = 1;
    private const int HeaderBytes = 8 + 4 + 8;
    private const long MaxSnapshotBytes = 4L << 30;
    private const string FirstFile = "kv-1";
    private const string Subject = "The session archive";

    /// <summary>Holds a session and writes it. What can be refused is refused before <paramref name="begin"/> gives the target.</summary>
    /// <exception cref="StokerException">NotFound, Busy, Conflict (it is empty), Corrupt: its cells are not what was saved.</exception>
    public static async Task ExportAsync(this SessionStore store, string nameOrId, string? scope, Func<SessionSummary, Task<Stream>> begin, CancellationToken cancellationToken)
    {
        using var session = store.OpenAny(nameOrId, scope);
        if (session.Damage is { } damage) throw new StokerException(ErrorKind.Corrupt, $"Session {session.Shown}: {damage}.");
        var record = session.Record!;
        // Without files of its own: names in this folder mean nothing where it is read.
        var alone = record with { Head = record.Head with { Shared = [], Own = record.Head.Own is null ? null : FirstFile, SyncedCells = 0, BootId = "" } };
        using var snapshot = new MemoryStream();
        SnapshotFile.Write(snapshot, alone);
        var header = new byte[HeaderBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), snapshot.Length);

        var target = await begin(store.Find(session.Id)!);
        await target.WriteAsync(header, cancellationToken);
        await target.WriteAsync(snapshot.GetBuffer().AsMemory(0, (int)snapshot.Length), cancellationToken);
        if (session.Chain is not { } chain) return;
        var buffer = new byte[ChainCells.PieceBytes];
        foreach (var rows in ArchivePiece.Of(session.Layout!, record.Head.Cells))
        {
            var bytes = buffer.AsMemory(0, rows.Length);
            SessionErrors.OnDisk($"Session {session.Shown}", session.Folder.Path, () => ChainCells.Read(chain, session.Layout!, rows.Region, rows.Place, bytes.Span));
            await target.WriteAsync(bytes, cancellationToken);
        }
    }

    /// <summary>Makes a session of what <see cref="ExportAsync"/> wrote. Nothing of it is believed before it is checked; nothing is kept when a check fails.</summary>
    /// <param name="name">Of the new session.</param>
    /// <exception cref="StokerException">Corrupt: not an archive, damaged or cut short. Conflict: the name is taken. OutOfSpace, Io.</exception>
    public static async Task<SessionSummary> ImportAsync(this SessionStore store, string name, string scope, Stream source, CancellationToken cancellationToken)
    {
        SessionName.Check(name);
        var incoming = new ArchiveInput(source, Subject);
        var snapshotBytes = SnapshotBytes(await incoming.ReadAsync(HeaderBytes, cancellationToken), incoming);
        using var begun = store.Begin(name, scope);
        var folder = begun.Folder;
        var received = folder.In("received.new");
        await incoming.CopyToFileAsync(received, snapshotBytes, cancellationToken);
        var record = SessionErrors.OnDisk(Subject, folder.Path, () => Read(received, incoming));
        if (record.Head.Layout() is { } layout)
        {
            using var file = store.Own(KvFile.Create(folder.In(FirstFile), layout));
            await incoming.ReadCellsAsync(file, layout, record, cancellationToken);
        }
        await incoming.ExpectEndAsync(cancellationToken);
        SessionErrors.OnDisk(Subject, folder.Path, () =>
        {
            var here = record with { Head = record.Head with { BootId = OpenMark.ThisBoot, SyncedCells = 0 } };
            folder.Replace(folder.Snapshot, stream => SnapshotFile.Write(stream, here), durable: true);
            File.Delete(received);
            begun.Publish();
        });
        return store.Find(begun.Label.Id)!;
    }

    private static long SnapshotBytes(byte[] header, ArchiveInput incoming)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic) throw new StokerException(ErrorKind.Corrupt, "This is no session archive: stoker sessions export makes one.");
        var version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        if (version != Version) throw new StokerException(ErrorKind.Unsupported, $"{Subject} is of version {version}, and this program reads version {Version}.");
        var bytes = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(12));
        return bytes is > 0 and <= MaxSnapshotBytes ? bytes : throw incoming.Damaged($"its snapshot has {bytes} bytes");
    }

    private static SessionRecord Read(string received, ArchiveInput incoming)
    {
        SessionRecord record;
        try
        {
            record = SnapshotFile.TryRead(received)!;
        }
        catch (StokerException error) when (error.Kind == ErrorKind.Corrupt)
        {
            throw new StokerException(ErrorKind.Corrupt, $"{Subject} is damaged: its snapshot is not what was exported.", error);
        }
        return record.Head.Own is null or FirstFile && record.Head.Shared.Count == 0 ? record : throw incoming.Damaged("it names files");
    }
}
