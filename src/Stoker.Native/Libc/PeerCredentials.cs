using System.Net.Sockets;

namespace Stoker.Native.Libc;

/// <summary>Who is at the other end of a Unix socket, as the kernel knew it when they connected (SO_PEERCRED, unix(7)).</summary>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId)
{
    /// <exception cref="LibcException">Not a connected Unix socket.</exception>
    public static unsafe PeerCredentials Of(Socket socket)
    {
        const int solSocket = 1, soPeerCred = 17;
        LibcNative.UCred credentials;
        var length = (uint)sizeof(LibcNative.UCred);
        if (LibcNative.getsockopt(socket.SafeHandle, solSocket, soPeerCred, &credentials, &length) != 0 || length != sizeof(LibcNative.UCred))
            throw LibcException.Last("getsockopt(SO_PEERCRED)", "a socket");
        return new PeerCredentials(credentials.Pid, credentials.Uid, credentials.Gid);
    }
}
