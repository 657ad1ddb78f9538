using System.Security.Cryptography;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Server.Http;

/// <summary>
/// The secret of a home that turns API keys into the scopes of their conversations: what lies on disk tells no key, and the same
/// key finds its conversations again after a restart.
/// </summary>
/// <param name="Bytes">32 of them.</param>
/// <param name="WhyNew">What was wrong with the one before; null: nothing, this is it.</param>
public sealed record ScopeSecret(ReadOnlyMemory<byte> Bytes, string? WhyNew)
{
    private const int Length = 32;

    /// <summary>Reads it; makes it, 0600 and durably, where there is none or it is damaged. For the one owner of the home.</summary>
    /// <exception cref="StokerException">Io: it may be right, but cannot be read; or none can be made.</exception>
    public static ScopeSecret ReadOrCreate(string path)
    {
        try
        {
            var exists = Path.Exists(path);
            return exists && TryRead(path) is { } known ? new ScopeSecret(known, null) : new ScopeSecret(Create(path), exists ? "is damaged" : "was missing");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(
                ErrorKind.Io, $"{path}, by which conversations are found for their API keys, cannot be read or made: {problem.Message} Make it readable, or remove it: then they are no longer found.", problem);
        }
    }

    // Zeros are what a file system may leave of one that the power was cut on; a secret they are not.
    private static byte[]? TryRead(string path)
    {
        using var file = Files.OpenWithoutLock(path);
        var secret = new byte[Length];
        return RandomAccess.GetLength(file) == Length && RandomAccess.Read(file, secret, 0) == Length && secret.AsSpan().ContainsAnyExcept((byte)0) ? secret : null;
    }

    private static byte[] Create(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var secret = RandomNumberGenerator.GetBytes(Length);
        var fresh = $"{path}.new";
        File.Delete(fresh);
        using (var file = Files.OpenForUpdate(fresh, create: true))
        {
            RandomAccess.Write(file, secret, 0);
            Files.Sync(file, fresh);
        }
        File.Move(fresh, path, overwrite: true);
        Files.SyncDirectory(folder);
        return secret;
    }
}
