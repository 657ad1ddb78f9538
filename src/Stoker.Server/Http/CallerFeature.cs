using System.Net.Sockets;
using Stoker.Core.Models;
using Stoker.Native.Libc;

namespace Stoker.Server.Http;

/// <summary>Who is at the other end of a connection, found once when it was accepted.</summary>
/// <param name="Trust">What follows for all its requests.</param>
public sealed record CallerFeature(CallerTrust Trust)
{
    /// <summary>Trust follows the transport, and on the Unix socket the kernel's word for who connected.</summary>
    public static CallerFeature Of(Socket socket, uint ownUserId) => socket.AddressFamily == AddressFamily.Unix
        ? new CallerFeature(Decide(PeerCredentials.Of(socket).UserId, ownUserId))
        : new CallerFeature(CallerTrust.Network);

    /// <summary>The daemon's own user and root are its owners; whoever else the socket's mode lets in is of its group.</summary>
    public static CallerTrust Decide(uint peerUserId, uint ownUserId) =>
        peerUserId == 0 || peerUserId == ownUserId ? CallerTrust.Owner : CallerTrust.Group;
}
