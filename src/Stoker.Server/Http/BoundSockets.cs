using System.Net;
using System.Net.Sockets;
using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Server.Http;

/// <summary>
/// The sockets we listen on, bound by ourselves before Kestrel sees them: so the Unix socket has its mode before anybody can connect, and
/// a TCP address that is taken is known before anything has started. Who calls it holds the owner's lock.
/// </summary>
internal static class BoundSockets
{
    private const int MaxPathBytes = 107;
    private const int Backlog = 512;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Replaces what a dead daemon left at the path. Mode 0600.</summary>
    /// <exception cref="StokerException">InvalidInput: the path is too long; Forbidden: its folder is open to others; Io.</exception>
    public static Socket Unix(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
            throw new StokerException(ErrorKind.InvalidInput, $"The socket's path {path} has more than {MaxPathBytes} bytes, the most that Linux takes: choose a shorter STOKER_HOME.");
        var folder = Path.GetDirectoryName(path)!;
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
            RefuseOpenFolder(folder);
            File.Delete(path);
            socket.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, OwnerOnly);
            socket.Listen(Backlog);
            return socket;
        }
        catch (Exception exception) when (exception is IOException or SocketException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new StokerException(ErrorKind.Io, $"The socket {path} cannot be served: {exception.Message}", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Null: the address is taken.</summary>
    /// <exception cref="StokerException">InvalidInput: it is no address of this machine, or one that needs rights.</exception>
    public static Socket? Tcp(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // An address in the wait after a close may be used again; one that is listened on may not. SO_REUSEADDR says just that
            // (socket(7)); .NET's ReuseAddress would set SO_REUSEPORT too, and share the address with another program.
            const int solSocket = 1, soReuseAddr = 2;
            socket.SetRawSocketOption(solSocket, soReuseAddr, BitConverter.GetBytes(1));
            if (address.Address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(address);
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            if (exception.SocketErrorCode == SocketError.AddressAlreadyInUse) return null;
            throw new StokerException(ErrorKind.InvalidInput, $"HTTP cannot be served on {address}: {exception.Message}. Choose another --host or --port.", exception);
        }
    }

    private static void RefuseOpenFolder(string folder)
    {
        const UnixFileMode others = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        if ((File.GetUnixFileMode(folder) & others) != UnixFileMode.None)
            throw new StokerException(ErrorKind.Forbidden, $"Others may write into {folder}, so they could put their own socket there: chmod 700 it.");
    }
}
