using System.Globalization;
using System.Text.Json;
using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>
/// The folder of one session: <c>label.json</c> (name), <c>snapshot</c>, <c>kv-N</c> (cells), <c>lock</c>, <c>verified</c>. Knows the names and the
/// order of writing, not what is written.
/// </summary>
internal sealed class SessionFolder(string path)
{
    private const int MaxLabelBytes = 64 << 10;

    internal string Path { get; private set; } = path;
    internal string Id => System.IO.Path.GetFileName(Path);
    internal string Label => In("label.json");
    internal string Snapshot => In("snapshot");
    internal string Lock => In("lock");

    /// <summary>Empty; its time is when every cell was read last.</summary>
    private string Verified => In("verified");

    internal DateTimeOffset? VerifiedAt => File.Exists(Verified) ? new DateTimeOffset(File.GetLastWriteTimeUtc(Verified), TimeSpan.Zero) : null;

    /// <summary>It was renamed.</summary>
    internal void MovedTo(string path) => Path = path;

    internal string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary><c>kv-</c> and a number without leading zeros: nothing that a snapshot names can lie elsewhere.</summary>
    internal static bool IsKvFileName(string name) =>
        name.Length is > 3 and <= 12 && name.StartsWith("kv-", StringComparison.Ordinal) && name[3] != '0' && name.AsSpan(3).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>The path of a KV file that is not there yet and that no snapshot names.</summary>
    internal string NextKvFile()
    {
        var last = KvFiles().Select(static file => long.Parse(System.IO.Path.GetFileName(file).AsSpan(3), CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();
        return In(string.Create(CultureInfo.InvariantCulture, $"kv-{last + 1}"));
    }

    internal IEnumerable<string> KvFiles() => Directory.EnumerateFiles(Path, "kv-*").Where(static file => IsKvFileName(System.IO.Path.GetFileName(file)));

    /// <summary>Removes KV files that <paramref name="named"/> does not hold, and what a killed write left.</summary>
    internal void RemoveOrphans(IReadOnlySet<string> named)
    {
        foreach (var file in KvFiles().Where(file => !named.Contains(System.IO.Path.GetFileName(file))).ToList()) File.Delete(file);
        foreach (var file in Directory.EnumerateFiles(Path, "*.new")) File.Delete(file);
    }

    /// <summary>Replaces a small file whole: a reader sees the old content or the new.</summary>
    /// <param name="durable">Also after a power cut.</param>
    internal void Replace(string file, Action<Stream> write, bool durable)
    {
        var temporary = file + ".new";
        File.Delete(temporary);
        try
        {
            using (var handle = Files.OpenForUpdate(temporary, create: true))
            {
                using (var stream = new FileStream(handle, FileAccess.Write, bufferSize: 1 << 16)) // closes the handle
                {
                    write(stream);
                    stream.Flush();
                    if (durable) Files.Sync(handle, temporary);
                }
            }
            File.Move(temporary, file, overwrite: true);
        }
        catch (IOException)
        {
            File.Delete(temporary); // on a full disk it has the last blocks
            throw;
        }
        if (durable) Files.SyncDirectory(Path);
    }

    internal void MarkVerified(DateTimeOffset now)
    {
        if (!File.Exists(Verified)) Files.OpenForUpdate(Verified, create: true).Dispose();
        File.SetLastWriteTimeUtc(Verified, now.UtcDateTime);
    }

    /// <summary>Makes durable what was written without that: cells before the snapshot that names them.</summary>
    internal void Sync()
    {
        foreach (var file in KvFiles().Append(Snapshot).Where(File.Exists))
        {
            using var handle = Files.OpenWithoutLock(file);
            Files.Sync(handle, file);
        }
        Files.SyncDirectory(Path);
    }

    internal void WriteLabel(SessionLabel label, bool durable) =>
        Replace(Label, stream => JsonSerializer.Serialize(stream, label, SessionJson.Default.SessionLabel), durable);

    /// <summary>Null: absent, or not a label of this folder.</summary>
    internal SessionLabel? TryReadLabel()
    {
        try
        {
            using var file = Files.OpenWithoutLock(Label);
            if (RandomAccess.GetLength(file) is var length && length > MaxLabelBytes) return null;
            var bytes = new byte[length];
            var read = RandomAccess.Read(file, bytes, 0);
            var label = JsonSerializer.Deserialize(bytes.AsSpan(0, read), SessionJson.Default.SessionLabel);
            return label is { Version: 1, Scope: not null } && label.Id == Id && (label.Name is null || SessionName.WhyNot(label.Name) is null) ? label : null;
        }
        catch (Exception error) when (error is JsonException or LibcException { Errno: Errno.NoEntry })
        {
            return null;
        }
    }
}
