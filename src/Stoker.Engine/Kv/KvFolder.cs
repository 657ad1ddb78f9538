using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Libc;

namespace Stoker.Engine.Kv;

/// <summary>Can conversations lie in this folder? Asked before a model is loaded, because an answer then costs nothing.</summary>
public static class KvFolder
{
    // statfs(2): file systems whose server can go away under a mapping, which kills the process that reads it.
    private static readonly Dictionary<long, string> Network = new()
    {
        [0x6969] = "NFS",
        [0x517B] = "SMB",
        [0xFF534D42] = "CIFS",
        [0xFE534D42] = "SMB",
        [0x01021997] = "9P",
        [0x00C36400] = "Ceph",
        [0x65735546] = "FUSE",
        [0x5346414F] = "AFS",
        [0x0BD00BD0] = "Lustre",
    };

    /// <summary>Refuses what <see cref="KvMode.Ssd"/> asks for and cannot have. The other modes always find a way.</summary>
    /// <exception cref="StokerException">Io, Unsupported: with what is wrong with the folder.</exception>
    public static void Check(KvMode mode, string? folder)
    {
        if (mode == KvMode.Ssd && WhyNot(mode, folder) is { } reason)
            throw new StokerException(ErrorKind.Unsupported, $"KV cannot be kept in files: {reason}. Move the sessions folder, or use --kv ram.");
    }

    /// <summary>Why cells cannot (or, for Auto, had better not) lie there; null: they can. Creates the folder, 0700, if need be.</summary>
    /// <param name="fileSystemType">statfs's word for a folder's file system; null: the kernel's answer.</param>
    internal static string? WhyNot(KvMode mode, string? folder, Func<string, long>? fileSystemType = null)
    {
        if (mode == KvMode.Ram) return null;
        if (folder is null) return "there is no folder for conversations";
        try
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (mode == KvMode.Auto && Network.TryGetValue((fileSystemType ?? Files.FileSystemType)(folder), out var kind))
                return $"{folder} lies on {kind}, whose failure would end the process (--kv ssd insists)";
            using var probe = Files.TryCreateUnnamed(folder);
            if (probe is null) return $"the file system of {folder} has no unnamed files";
            return Files.CanMap(probe) ? null : $"the file system of {folder} cannot map files for writing";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{folder} is not writable: {error.Message.TrimEnd('.')}";
        }
    }
}
