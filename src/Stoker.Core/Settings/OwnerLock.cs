using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Core.Settings;

/// <summary>Who owns a home, as written inside its lock.</summary>
/// <param name="Host">Machine name.</param>
/// <param name="BootId">Of that machine's present start; a pid means something only within it.</param>
/// <param name="PidNamespace">Within which the pid counts (containers have their own).</param>
public sealed record OwnerRecord(string Host, string BootId, string PidNamespace, int Pid)
{
    /// <summary>The record of this process.</summary>
    public static OwnerRecord OfThisProcess() => new(Environment.MachineName, ReadBootId(), ReadPidNamespace(), Environment.ProcessId);

    /// <summary>True: the pid can be looked at and signalled from here.</summary>
    public bool IsOfThisSystem() => Host == Environment.MachineName && BootId == ReadBootId() && PidNamespace == ReadPidNamespace();

    private static string ReadBootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string ReadPidNamespace()
    {
        try
        {
            return new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OwnerRecord))]
internal sealed partial class OwnerJson : JsonSerializerContext;

/// <summary>
/// The one right to change a home: <c>flock(2)</c> on <c>owner.lock</c>, held until disposed or until the process ends, however it
/// ends. Only its holder unlinks and binds the socket. What is written inside is for messages; the lock alone decides.
/// </summary>
public sealed class OwnerLock : IDisposable
{
    private const int MaxBytes = 4096;

    private readonly FileLock _lock;

    private OwnerLock(FileLock held) => _lock = held;

    /// <summary>Null: another process holds it. The home must exist.</summary>
    /// <exception cref="StokerException">Io: the file cannot be opened, or its file system has no locks.</exception>
    public static OwnerLock? TryAcquire(StokerPaths paths)
    {
        try
        {
            if (FileLock.TryAcquire(paths.OwnerLock) is not { } held) return null;
            var text = JsonSerializer.SerializeToUtf8Bytes(OwnerRecord.OfThisProcess(), OwnerJson.Default.OwnerRecord);
            RandomAccess.SetLength(held.File, 0);
            RandomAccess.Write(held.File, text, 0);
            return new OwnerLock(held);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"{paths.OwnerLock} cannot be locked: {problem.Message}", problem);
        }
    }

    /// <summary>
    /// True while some process owns the home. Takes the lock for a moment to know, so whoever wants it for longer tries again for
    /// a second before giving up (<see cref="AcquireAsync"/>).
    /// </summary>
    public static bool IsHeld(StokerPaths paths)
    {
        if (!Directory.Exists(paths.Home)) return false;
        try
        {
            using var taken = FileLock.TryAcquire(paths.OwnerLock);
            return taken is null;
        }
        catch (LibcException problem)
        {
            throw new StokerException(ErrorKind.Io, $"{paths.OwnerLock} cannot be locked: {problem.Message}", problem);
        }
    }

    /// <summary>Tries for a second. Null: another process holds it.</summary>
    public static async Task<OwnerLock?> AcquireAsync(StokerPaths paths, TimeProvider time, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        while (true)
        {
            if (TryAcquire(paths) is { } taken) return taken;
            if (time.GetElapsedTime(begun) > TimeSpan.FromSeconds(1)) return null;
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
        }
    }

    /// <summary>Who wrote the lock last, holder or not; null when nobody did or it cannot be read.</summary>
    public static OwnerRecord? Read(StokerPaths paths)
    {
        try
        {
            using var file = Files.OpenWithoutLock(paths.OwnerLock);
            var buffer = new byte[MaxBytes];
            var length = RandomAccess.Read(file, buffer, 0);
            return JsonSerializer.Deserialize(buffer.AsSpan(0, length), OwnerJson.Default.OwnerRecord);
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    public void Dispose() => _lock.Dispose();
}
