using Stoker.Core.Errors;
using Stoker.Supply.Blobs;

namespace Stoker.Engine.Sessions;

internal static class SessionErrors
{
    internal static StokerException Damaged(string subject, string reason, Exception? inner = null) =>
        new(ErrorKind.Corrupt, $"{subject} is damaged: {reason}. Its text may still be read (stoker sessions show); remove it with stoker sessions rm.", inner);

    internal static StokerException NotFound(string nameOrId) =>
        new(ErrorKind.NotFound, $"There is no session '{Printable.Short(nameOrId, 80)}'. See stoker sessions list.");

    internal static StokerException Busy(string shown) =>
        new(ErrorKind.Busy, $"Session {shown} is in use: it is answering now, or another program holds it. Try again when it has finished.");

    /// <summary>Runs what touches the disk; its refusals come out typed.</summary>
    internal static T OnDisk<T>(string action, string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (DiskErrors.IsDiskError(error))
        {
            throw DiskErrors.Wrap(error, action, path);
        }
    }

    internal static void OnDisk(string action, string path, Action work) => OnDisk(action, path, () =>
    {
        work();
        return true;
    });
}
