using System.Security.Cryptography;
using Stoker.Core.Errors;
using Stoker.Native.Libc;

namespace Stoker.Server.Http;

/// <summary>
/// The secret of a home that turns API keys into the scopes of their conversations: what lies on disk tells no key, and the same
/// key finds its conversations again after a restart.
/// </summary>
public static class ScopeSecret
{
    private const int Length = 32;

    /// <summary>Reads it; makes it, 0600, where there is none. For the one owner of the home.</summary>
    /// <exception cref="StokerException">Io.</exception>
    public static byte[] ReadOrCreate(string path)
    {
        try
        {
            if (File.Exists(path) && Read(path) is { } known) return known;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var secret = RandomNumberGenerator.GetBytes(Length);
            var fresh = $"{path}.new";
            File.Delete(fresh);
            using (var file = Files.OpenForUpdate(fresh, create: true))
            {
                RandomAccess.Write(file, secret, 0);
                Files.Sync(file, fresh);
            }
            File.Move(fresh, path, overwrite: true);
            return secret;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"{path} cannot be read or made: {problem.Message}", problem);
        }
    }

    // Null: it was cut short; what is made in its place makes new scopes.
    private static byte[]? Read(string path)
    {
        using var file = Files.OpenWithoutLock(path);
        var secret = new byte[Length];
        return RandomAccess.Read(file, secret, 0) == Length ? secret : null;
    }
}
