using Stoker.Native.Libc;

namespace Stoker.Engine.Sessions;

/// <summary>A session whose lock is held.</summary>
internal sealed record HeldSession(SessionFolder Folder, FileLock Held, SessionLabel Label) : IDisposable
{
    public void Dispose() => Held.Dispose();
}

/// <summary>A session's folder that nobody sees yet; gone when it is disposed of without having been published.</summary>
internal sealed class NewSession(SessionStore store, SessionFolder folder, FileLock held, SessionLabel label) : IDisposable
{
    private bool _published;

    internal SessionFolder Folder => folder;
    internal FileLock Held => held;
    internal SessionLabel Label => label;

    internal void Publish()
    {
        store.Publish(folder, label);
        _published = true;
    }

    public void Dispose()
    {
        try
        {
            if (!_published) Directory.Delete(folder.Path, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What stopped it is told already; the next start of the daemon removes the rest.
        }
        held.Dispose();
    }
}
